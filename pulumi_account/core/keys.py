"""A key's life on the server: make, adopt, read, change, delete. Knows nothing of Pulumi.

POST takes no idempotency key, and names need not be unique: a lost answer would leave a key that nobody can
tell from others. So every POST carries a name that no other key has. An auto-named key has one already. For an
exact name a *reservation* is made first: a random name, credit limit 0, expiring within the hour; the PATCH
that follows turns it into what was declared.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pulumi_account.common.instants import format_instant, same_instant
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.exceptions import (
    AbandonedError,
    AccountError,
    AdoptionError,
    ConnectFailedError,
    InvalidRequestError,
    KeyGoneError,
    LeftoverError,
    NotFoundError,
    ServerError,
    StatusError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import CreatedKey, Key
    from pulumi_account.core.declaration import ApiKeyInputs

__all__ = ["Keys", "KnownKey", "differences"]

_POST_ATTEMPTS = 3
#: how far a server may round a limit, in USD, and an expiry that it is given
_ROUNDED, _CUT_OFF = Decimal(1), timedelta(minutes=1)
#: A few reads are cheaper one by one; beyond, one list serves them all. To callers of four threads the list is
#: asked for while the single answers are still on their way.
_SINGLE_READS = 3

_log = logging.getLogger(__name__)


class KnownKey(NamedTuple):
    """A key as a state knows it. To make a `Key` of it would load pydantic before the call that it is for."""

    id: int
    name: str | None
    created_at: datetime | None
    expires_at: datetime | None
    is_enabled: bool | None
    credit_limit: Decimal | None


def differences(key: Key | KnownKey, wanted: ApiKeyInputs | Key) -> dict[str, object]:
    """What a PATCH must say to make the key as it is declared: only the fields that differ."""
    pairs: dict[str, tuple[object, bool]] = {
        "name": (wanted.name, key.name == wanted.name),
        "is_enabled": (wanted.is_enabled, key.is_enabled == wanted.is_enabled),
        "credit_limit": (wanted.credit_limit, key.credit_limit == wanted.credit_limit),
        "expires_at": (wanted.expires_at, same_instant(key.expires_at, wanted.expires_at)),
    }
    return {name: value for name, (value, same) in pairs.items() if not same}


class _Draft(NamedTuple):
    """What a POST says: the declaration itself, or a reservation for it."""

    name: str
    credit_limit: Decimal | None
    expires_at: datetime | None

    @property
    def is_reservation(self) -> bool:
        return self.name.startswith(RESERVATION_PREFIX)

    def made(self, key: Key) -> bool:
        """Whether this draft can have made the key: its name alone is no proof."""
        return (
            key.is_enabled
            and key.credit_limit == self.credit_limit
            and same_instant(key.expires_at, self.expires_at)
        )

    def fits(self, key: Key) -> bool:
        """Whether an answer can be about the key that this draft makes; the server may round what it was given."""
        return (
            key.name == self.name
            and _close(key.credit_limit, self.credit_limit, _ROUNDED)
            and _close(key.expires_at, self.expires_at, _CUT_OFF)
        )

    def harm(self) -> str:
        if self.is_reservation and self.expires_at:
            return f"it can spend nothing and expires at {format_instant(self.expires_at)}"
        return "delete it: nobody has its plaintext, but it is enabled"


class Keys:
    """The keys of one account; safe for any number of threads.

    :param client: the account's API.
    :param abandoned: whether whoever asks for keys is gone: then nobody would have the plaintext of one.
    """

    def __init__(self, client: AccountClient, *, abandoned: Callable[[], bool] = lambda: False) -> None:
        self._client = client
        self._abandoned = abandoned
        self._lock = threading.Lock()
        self._reads = 0
        self._flight: Future[dict[int, Key]] | None = None
        # when each key was first heard of, counted in events
        self._events = itertools.count()
        self._heard: dict[int, int] = {}

    def make(self, wanted: ApiKeyInputs) -> CreatedKey:
        """Make a key as declared, and return it with its plaintext.

        The plaintext is returned only when all is done. If it cannot be done, the key just made is deleted.

        :raises AbandonedError: whoever asked for it is gone, so it was deleted.
        :raises LeftoverError: a key may have been left behind; the message names it.
        :raises AccountError: nothing was left behind, as far as the API told.
        """
        try:
            reserved = self._kept(self._post(wanted))
            return self._kept(self._commit(reserved, wanted))
        finally:
            self._wrote()

    def adopt(self, key_id: int, wanted: ApiKeyInputs) -> Key:
        """Take over an existing key: make it as declared, and return it.

        :raises AdoptionError: there is no such key.
        """
        try:
            key = self._client.get_key(key_id)
        except NotFoundError:
            raise AdoptionError(f"adopt_key_id {key_id}: the account has no such key") from None
        self._hear([key])
        changes = differences(key, wanted)
        return self.change(key_id, changes) if changes else key

    def read(self, key_id: int) -> Key | None:
        """The key as it is now, or None if the API itself says that there is none."""
        if self._read_alone():
            return self._get(key_id)
        return self._listed().get(key_id) or self._get(key_id)

    def change(self, key_id: int, changes: dict[str, object]) -> Key:
        """Change what ``changes`` names, in one PATCH.

        :raises KeyGoneError: the key was deleted elsewhere.
        """
        try:
            return self._client.update_key(key_id, changes)
        except NotFoundError:
            raise KeyGoneError(
                f"key {key_id} was deleted elsewhere: run `pulumi refresh`, and the next `pulumi up` makes a new one"
            ) from None
        finally:
            self._wrote()

    def delete(self, key_id: int) -> None:
        """Delete the key for good; one that is gone already is no error, but told."""
        try:
            if not self._delete(key_id):
                _log.warning(
                    "key %d is gone already, deleted elsewhere or by an attempt whose answer was lost; unless this is "
                    "not the account that it was made in",
                    key_id,
                )
        finally:
            self._wrote()

    def _delete(self, key_id: int) -> bool:
        """Delete the key; False if there is none: a retry finds gone what an attempt with a lost answer deleted."""
        try:
            self._client.delete_key(key_id)
        except NotFoundError:
            return False
        finally:
            self._heard.pop(key_id, None)  # a server may give the id once more
        return True

    # --- making

    def _post(self, wanted: ApiKeyInputs) -> CreatedKey:
        doubts: list[tuple[_Draft, AccountError]] = []
        clock_mended = False
        while True:
            draft = self._draft(wanted, again=bool(doubts))
            try:
                created = self._send(draft)
            except InvalidRequestError as error:
                self._require_over(draft, error, once=not clock_mended)
                clock_mended = True  # the refusal told the API's time: the next lease is counted by that
            except AccountError as error:
                if not _in_doubt(error):
                    raise
                removed = self._remove_lost(draft, error)
                _log.warning("%s; it had made %s", error, removed or f"no key named {draft.name!r} so far")
                doubts.append((draft, error))
                if len(doubts) == _POST_ATTEMPTS:
                    raise
            else:
                self._look_again(doubts)
                return created

    def _send(self, draft: _Draft) -> CreatedKey:
        """POST; an answer about a key that this cannot have made, as a stale cache gives, is no answer to it."""
        sent = next(self._events)
        created = self._client.create_key(
            draft.name, credit_limit=draft.credit_limit, expires_at=draft.expires_at
        )
        known = self._heard.get(created.id, sent) < sent
        now = self._client.told_time()
        old = now is not None and created.created_at < now - LEASE
        if not draft.fits(created) or ((known or old) and not self._bears(created.id, draft.name)):
            raise UnexpectedResponseError(
                f"POST /v1/account/keys: the answer is about key {created.id}, made at "
                f"{format_instant(created.created_at)}, which is not the one that was asked for",
                status=200,
            )
        return created

    def _bears(self, key_id: int, name: str) -> bool:
        """Whether a key has this name, which no other key has: then the POST has made it, whatever else looks odd."""
        return any(key.id == key_id and key.name == name for key in self._all())

    def _require_over(self, draft: _Draft, error: InvalidRequestError, *, once: bool) -> None:
        """Raise a refusal again, unless it is explained by a lease that was over, or nearly so, by the API's clock."""
        if not draft.is_reservation or draft.expires_at is None:
            raise error
        if not once or draft.expires_at >= self._client.now() + LEASE / 2:
            raise _about_lease(error, draft) from None

    def _draft(self, wanted: ApiKeyInputs, *, again: bool) -> _Draft:
        """The declaration, if it has a name that no other key has; else a reservation.

        The first POST of an auto-named key may be carried out late: its name is not used a second time.
        """
        assert wanted.name is not None
        if wanted.name_prefix is not None and not again:
            return _Draft(wanted.name, wanted.credit_limit, wanted.expires_at)
        return _Draft(RESERVATION_PREFIX + secrets.token_hex(16), Decimal(0), self._client.now() + LEASE)

    def _remove_lost(self, draft: _Draft, doubt: AccountError) -> str | None:
        """Delete the key that a POST in doubt has made, if it has made one."""
        try:
            found = [key for key in self._all() if key.name == draft.name]
            proven = len(found) == 1 and draft.made(found[0])
            if proven:
                self._delete(found[0].id)
        except AccountError as error:
            raise LeftoverError(
                f"{doubt}; whether it made a key named {draft.name!r} could not be found out, or the key could "
                f"not be deleted ({error}); if it exists, {draft.harm()}"
            ) from None
        if found and not proven:
            raise LeftoverError(f"{doubt}; {_unproven(found, draft.name)}")
        return f"key {found[0].id}, which is deleted" if found else None

    def _look_again(self, doubts: list[tuple[_Draft, AccountError]]) -> None:
        """What was in doubt may have been carried out late, by now: before any key bears the declared name."""
        for draft, doubt in doubts:
            try:
                removed = self._remove_lost(draft, doubt)
            except LeftoverError as error:
                _log.warning("%s", error)
                continue
            if removed:
                _log.warning("%s; it had made %s after all", doubt, removed)

    def _commit(self, created: CreatedKey, wanted: ApiKeyInputs) -> CreatedKey:
        """The PATCH for whatever the key just made still differs in from its declaration."""
        changes = differences(created, wanted)
        if not changes:
            return created
        try:
            settled = self._client.update_key(created.id, changes)
            _require_carried_out(settled, created, wanted)
        except _OtherKeyError as error:
            raise LeftoverError(str(error)) from None
        except BaseException as error:
            self._withdraw(created, error)
            raise
        return created.model_copy(update=dict(settled))

    def _kept(self, created: CreatedKey) -> CreatedKey:
        """The key, if there is still somebody to take it."""
        if not self._abandoned():
            return created
        gone = AbandonedError(
            f"whoever asked for key {created.id} is gone: it is deleted, as nobody would have it"
        )
        self._withdraw(created, gone)
        _log.warning("%s", gone)
        raise gone

    def _withdraw(self, created: CreatedKey, cause: BaseException) -> None:
        """Delete a key that could not be made as declared; its plaintext has reached nobody."""
        try:
            self._delete(created.id)
        except AccountError as error:
            raise LeftoverError(
                f"{cause}; key {created.id}, made for it, could not be deleted ({error}): delete it, "
                "nobody has its plaintext"
            ) from None

    # --- reading

    def _get(self, key_id: int) -> Key | None:
        try:
            key = self._client.get_key(key_id)
        except NotFoundError:
            return None
        self._hear([key])
        return key

    def _all(self) -> list[Key]:
        keys = self._client.list_keys()
        self._hear(keys)
        return keys

    def _hear(self, keys: Iterable[Key]) -> None:
        event = next(self._events)
        with self._lock:
            for key in keys:
                self._heard.setdefault(key.id, event)

    def _read_alone(self) -> bool:
        with self._lock:
            self._reads += 1
            return self._reads <= _SINGLE_READS

    def _listed(self) -> dict[int, Key]:
        """All keys, listed once for all threads until this process writes; a failure is shared as well."""
        with self._lock:
            leads = self._flight is None
            flight = self._flight = self._flight or Future()
        if leads:
            self._list(flight)
        return flight.result()

    def _list(self, flight: Future[dict[int, Key]]) -> None:
        try:
            flight.set_result({key.id: key for key in self._all()})
        except BaseException as error:  # noqa: BLE001 - whoever waits must wake up, and raises it
            self._forget(flight)
            flight.set_exception(error)

    def _forget(self, flight: Future[dict[int, Key]]) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None

    def _wrote(self) -> None:
        with self._lock:
            self._flight = None


class _OtherKeyError(Exception):
    """An answer is about another key of the same id: which of the two answers lies cannot be known."""


def _close(one: Any, other: Any, most: Any) -> bool:
    """Whether two values differ by no more than that, or are both None; 0 is as special as None."""
    if not one or not other:
        return bool(one == other)
    return bool(abs(one - other) <= most)


def _require_carried_out(key: Key, created: CreatedKey, wanted: ApiKeyInputs) -> None:
    """Refuse a key that still has something of a reservation; a server may round what it was given, no more.

    :raises _OtherKeyError: it is another key, so this one must not be written to again.
    """
    if not same_instant(key.created_at, created.created_at):
        raise _OtherKeyError(
            f"POST answered that key {key.id} was made at {format_instant(created.created_at)}, PATCH that it was at "
            f"{format_instant(key.created_at)}: it was left as it is; look whose key it is, and whether "
            f"there is one named {created.name!r} to delete"
        )
    reserved = created.name.startswith(RESERVATION_PREFIX)
    changed = differences(key, created)
    ignored = [
        name
        for name, value in differences(key, wanted).items()
        if name in ("name", "is_enabled")
        or value is None
        or getattr(key, name) is None
        or (reserved and name not in changed)
    ]
    if ignored:
        raise UnexpectedResponseError(
            f"PATCH /v1/account/keys/{key.id}: the API answered 200, but left {', '.join(ignored)} as it was",
            status=200,
        )


def _in_doubt(error: AccountError) -> bool:
    """Whether the request may have been carried out all the same."""
    if isinstance(error, ServerError):
        return True
    if isinstance(error, UnexpectedResponseError):
        return not 400 <= error.status < 500
    return not isinstance(error, (ConnectFailedError, StatusError))


def _about_lease(error: InvalidRequestError, draft: _Draft) -> InvalidRequestError:
    """The user knows nothing of the reservation that was refused."""
    assert draft.expires_at is not None
    return InvalidRequestError(
        f"{error}; this was a reservation for the key, expiring at {format_instant(draft.expires_at)}, "
        "an hour from now by this machine's clock",
        status=error.status,
        type=error.type,
    )


def _unproven(found: list[Key], name: str) -> str:
    """Why none of these is deleted, though they have the name that was to be unique."""
    if len(found) == 1:
        return (
            f"key {found[0].id} is named {name!r}, but is not as it was asked for, so it was not deleted: "
            "delete it if it is yours"
        )
    ids = ", ".join(str(key.id) for key in found)
    return f"keys {ids} are all named {name!r}, so none was deleted: delete those that are yours"
