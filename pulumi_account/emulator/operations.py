"""The seven operations of the account API, on Starlette."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from pulumi_account.emulator.activity import ActivityCache, activity, first_day
from pulumi_account.emulator.clock import write_instant
from pulumi_account.emulator.replies import ApiError, error_json, to_json
from pulumi_account.emulator.validation import Rules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from pulumi_account.emulator.clock import Clock
    from pulumi_account.emulator.credentials import Credentials
    from pulumi_account.emulator.options import Options
    from pulumi_account.emulator.store import Store, StoredKey

    Handler = Callable[[Request], Awaitable[Response]]

_KEYS = "/v1/account/keys"
_MESSAGE = "Store this key in a safe place. It is not shown again."
_NO_SUCH_KEY = "There is no API key with this id."


class AccountApi:
    """The operations. They write the documented JSON without a model, so that client and server share no mistake.

    An operation waits for nothing but the body. It is atomic, because the event loop runs one at a time.
    """

    def __init__(self, store: Store, credentials: Credentials, clock: Clock, options: Options) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._options = options
        self._rules = Rules(options.validation_status, clock)
        self._cache = ActivityCache(options.activity_cache)

    def application(self) -> Starlette:
        """The Starlette application; each route has the name of its operation."""
        one = _KEYS + "/{key_id}"
        routes = [
            self._route("GET", "/v1/account/balance", self.get_balance),
            self._route("GET", "/v1/account/activity", self.get_activity),
            self._route("GET", _KEYS, self.list_keys),
            self._route("POST", _KEYS, self.create_key),
            self._route("GET", one, self.get_key),
            self._route("PATCH", one, self.update_key),
            self._route("DELETE", one, self.delete_key),
        ]
        app = Starlette(
            routes=routes, exception_handlers={ApiError: _refusal, HTTPException: _framework_refusal}
        )
        app.router.redirect_slashes = False  # the API documents no redirects
        return app

    async def get_balance(self, _request: Request) -> Response:
        """The balance, as a decimal string."""
        return _json({"balance": self._store.balance})

    async def get_activity(self, request: Request) -> Response:
        """The usage of the last days, from the cache."""
        days, now = self._rules.days(request.query_params.get("days")), self._clock.now()
        first = first_day(now.date(), days)
        return _json(self._cache.get(days, now, lambda: activity(self._store.usage_since(first), days)))

    async def list_keys(self, _request: Request) -> Response:
        """All keys."""
        return _json({"keys": [self._document(key) for key in self._store.all_keys()]})

    async def create_key(self, request: Request) -> Response:
        """Create a key, which is always enabled; only this answer has the plaintext."""
        new = self._rules.new_key(await request.body())
        key_id, plaintext = self._store.insert({**new, "is_enabled": True, "created_at": self._clock.now()})
        key = self._document(_found(self._store.key(key_id)))
        return _json({**key, "key": plaintext, "message": _MESSAGE}, self._options.create_status)

    async def get_key(self, request: Request) -> Response:
        """One key."""
        return _json(self._document(_found(self._store.key(self._key_id(request)))))

    async def update_key(self, request: Request) -> Response:
        """Change some fields of a key."""
        key_id = self._key_id(request)
        changes = self._rules.changes(await request.body())
        return _json(self._document(_found(self._store.update(key_id, changes))))

    async def delete_key(self, request: Request) -> Response:
        """Delete a key permanently."""
        if not self._store.delete(self._key_id(request)):
            raise ApiError(404, _NO_SUCH_KEY)
        return Response(status_code=204)

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            refusal = self._credentials.refusal(request.headers.get("authorization"))
            if refusal is not None:
                raise ApiError(401, refusal)
            return await handler(request)

        return Route(path, endpoint, methods=[method], name=getattr(handler, "__name__", None))

    def _key_id(self, request: Request) -> int:
        return self._rules.key_id(request.path_params["key_id"])

    def _document(self, key: StoredKey) -> dict[str, Any]:
        style, fractions = self._options.timestamps, self._options.fractions
        expires_at = key.expires_at_sent if style == "sent" else None
        if expires_at is None and key.expires_at is not None:
            expires_at = write_instant(key.expires_at, style, fractions=fractions)
        created_at = write_instant(key.created_at, style, fractions=fractions)
        return {**key.as_dict(), "created_at": created_at, "expires_at": expires_at}


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(document), status, media_type="application/json")


def _found(key: StoredKey | None) -> StoredKey:
    if key is None:
        raise ApiError(404, _NO_SUCH_KEY)
    return key


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else None
    body = error_json(error.status, error.message)
    return Response(body, error.status, headers, media_type="application/json")


async def _framework_refusal(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, which the API's framework refuses instead of the API."""
    assert isinstance(error, HTTPException)
    response = _json({"detail": error.detail}, error.status_code)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names only the methods of the first route of the path
        routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        response.headers["Allow"] = ", ".join(sorted({name for route in routes for name in route.methods}))
    return response
