"""The seven operations of the account API, on Starlette."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from pulumi_account.emulator import jsontext
from pulumi_account.emulator.activity import ActivityCache, activity, first_day
from pulumi_account.emulator.clock import write_instant
from pulumi_account.emulator.errors import ApiError, error_body
from pulumi_account.emulator.validation import Rules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request

    from pulumi_account.emulator.clock import Clock
    from pulumi_account.emulator.credentials import Credentials
    from pulumi_account.emulator.options import Options
    from pulumi_account.emulator.store import Store, StoredKey

    Handler = Callable[[Request], Awaitable[Response]]

_KEYS = "/v1/account/keys"
_MESSAGE = "Store this key in a safe place. It is not shown again."


class AccountApi:
    """The operations. Each writes its documented JSON by hand, so that no model is trusted on both sides.

    They never wait for anything but the body, so each one is atomic: the event loop runs one at a time.
    """

    def __init__(self, store: Store, credentials: Credentials, clock: Clock, options: Options) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._options = options
        self._rules = Rules(options.validation_status)
        self._cache = ActivityCache(options.activity_cache)

    def application(self) -> Starlette:
        """The Starlette application; a route's name is its operation's."""
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
        app.router.redirect_slashes = False  # nothing documents a redirect, and clients should follow none
        return app

    async def get_balance(self, _request: Request) -> Response:
        """The balance, a decimal string."""
        return _json({"balance": self._store.balance})

    async def get_activity(self, request: Request) -> Response:
        """Usage of the last days, cached."""
        days, now = self._rules.days(request.query_params.get("days")), self._clock.now()
        first = first_day(now.date(), days)
        return _json(self._cache.get(days, now, lambda: activity(self._store.usage_since(first), days)))

    async def list_keys(self, _request: Request) -> Response:
        """All keys."""
        return _json({"keys": [self._key(key) for key in self._store.all_keys()]})

    async def create_key(self, request: Request) -> Response:
        """A new key, always enabled; the only answer with a plaintext."""
        now = self._clock.now()
        new = self._rules.new_key(await request.body(), now)
        key_id, plaintext = self._store.insert(
            {
                "name": new.name,
                "credit_limit": new.credit_limit,
                "expires_at": new.expires_at,
                "is_enabled": True,
                "created_at": now,
            }
        )
        key = self._key(_found(self._store.key(key_id)))
        return _json({**key, "key": plaintext, "message": _MESSAGE}, self._options.create_status)

    async def get_key(self, request: Request) -> Response:
        """One key."""
        return _json(self._key(_found(self._store.key(self._key_id(request)))))

    async def update_key(self, request: Request) -> Response:
        """Change some fields of a key."""
        key_id = self._key_id(request)
        changes = self._rules.changes(await request.body(), self._clock.now())
        return _json(self._key(_found(self._store.update(key_id, changes))))

    async def delete_key(self, request: Request) -> Response:
        """Delete a key for good."""
        if not self._store.delete(self._key_id(request)):
            raise _no_such_key()
        return Response(status_code=204)

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            self._credentials.check(request.headers.get("authorization"))
            return await handler(request)

        return Route(path, endpoint, methods=[method], name=getattr(handler, "__name__", None))

    def _key_id(self, request: Request) -> int:
        return self._rules.key_id(request.path_params["key_id"])

    def _key(self, key: StoredKey) -> dict[str, Any]:
        return {
            "id": key.id,
            "name": key.name,
            "created_at": self._instant(key.created_at, None),
            "expires_at": None
            if key.expires_at is None
            else self._instant(key.expires_at, key.expires_at_sent),
            "is_enabled": key.is_enabled,
            "credit_limit": key.credit_limit,
        }

    def _instant(self, instant: datetime, sent: str | None) -> str:
        style = self._options.timestamps
        if style == "sent" and sent is not None:
            return sent
        return write_instant(instant, style, fractions=self._options.fractions)


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(jsontext.dumps(document), status, media_type="application/json")


def _found(key: StoredKey | None) -> StoredKey:
    if key is None:
        raise _no_such_key()
    return key


def _no_such_key() -> ApiError:
    return ApiError(404, "There is no API key with this id.")


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    response = _json(error_body(error.status, error.message), error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _framework_refusal(request: Request, error: Exception) -> Response:
    """Unknown paths and methods: these are answered by the framework, not by the API."""
    assert isinstance(error, HTTPException)
    response = _json({"detail": error.detail}, error.status_code)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _methods(request)
    return response


def _methods(request: Request) -> str:
    """What the path takes: Starlette would name the methods of the first of its routes only."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in routes for method in route.methods}))
