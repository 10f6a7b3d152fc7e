"""A key's life on the server: make, adopt, read, change, delete. Knows nothing of Pulumi.

POST takes no idempotency key, and names need not be unique: a lost answer would leave a key that nobody can
tell from others. So every POST carries a name that no other key has. An auto-named key has one already. For an
exact name a *reservation* is made first: a random name, credit limit 0, expiring within the hour; the PATCH
that follows turns it into what was declared.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from pulumi_account.client import AccountClient
from pulumi_account.exceptions import (
    AccountError,
    AdoptionError,
    ConnectFailedError,
    KeyGoneError,
    LeftoverError,
    NotFoundError,
    ServerError,
    StatusError,
    UnexpectedResponseError,
)
from pulumi_account.models import SUFFIX_DIGITS, ApiKeyInputs, CreatedKey, Key, format_instant, same_instant

__all__ = ["LEASE", "RESERVATION_PREFIX", "Keys", "auto_name", "differences", "is_auto_name", "utc_now"]

RESERVATION_PREFIX = "pulumi-account-reservation-"
#: how long a reservation lives when nothing turns it into a key
LEASE = timedelta(hours=1)

_POST_ATTEMPTS = 3
#: a few reads are cheaper one by one; beyond, one list serves them all
_SINGLE_READS = 4

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The present instant by this machine's clock."""
    return datetime.now(timezone.utc)


def auto_name(prefix: str) -> str:
    """A new name that no other key has: the prefix and seven random hex digits."""
    return prefix + secrets.token_hex(SUFFIX_DIGITS)[:SUFFIX_DIGITS]


def is_auto_name(name: str, prefix: str) -> bool:
    """Whether `auto_name` can have made this name from this prefix."""
    digits = name.removeprefix(prefix)
    return name.startswith(prefix) and len(digits) == SUFFIX_DIGITS and not digits.strip("0123456789abcdef")


def differences(key: Key, wanted: ApiKeyInputs) -> dict[str, object]:
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

    def harm(self) -> str:
        if self.credit_limit == 0 and self.expires_at:
            return f"it can spend nothing and expires at {format_instant(self.expires_at)}"
        return "delete it: nobody has its plaintext, but it is enabled"


class Keys:
    """The keys of one account; safe for any number of threads.

    :param client: the account's API.
    :param clock: the present instant, for the lease of reservations.
    """

    def __init__(self, client: AccountClient, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._list_lock = threading.Lock()
        self._reads = 0
        self._writes = 0
        self._snapshot: dict[int, Key] | None = None

    def make(self, wanted: ApiKeyInputs) -> CreatedKey:
        """Make a key as declared, and return it with its plaintext.

        The plaintext is returned only when all is done. If it cannot be done, the key just made is deleted.

        :raises LeftoverError: a key may have been left behind; the message names it.
        :raises AccountError: nothing was left behind, as far as the API told.
        """
        try:
            created = self._post(wanted)
            return self._commit(created, wanted)
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
        """Delete the key for good; one that is gone already is no error."""
        try:
            self._delete(key_id)
        finally:
            self._wrote()

    def _delete(self, key_id: int) -> None:
        try:
            self._client.delete_key(key_id)
        except NotFoundError:  # a retry, too, finds gone what an attempt with a lost answer has deleted
            _log.info("key %d was gone already", key_id)

    # --- making

    def _post(self, wanted: ApiKeyInputs) -> CreatedKey:
        doubts: list[tuple[_Draft, AccountError]] = []
        while True:
            draft = self._draft(wanted, again=bool(doubts))
            try:
                created = self._client.create_key(
                    draft.name, credit_limit=draft.credit_limit, expires_at=draft.expires_at
                )
            except AccountError as error:
                if not _in_doubt(error):
                    raise
                removed = self._remove_lost(draft, error)
                _log.warning("%s; it had made %s", error, removed or "no key")
                doubts.append((draft, error))
                if len(doubts) == _POST_ATTEMPTS:
                    raise
            else:
                self._look_again(doubts)
                return created

    def _draft(self, wanted: ApiKeyInputs, *, again: bool) -> _Draft:
        """The declaration, if it has a name that no other key has; else a reservation.

        The first POST of an auto-named key may be carried out late: its name is not used a second time.
        """
        assert wanted.name is not None
        if wanted.name_prefix is not None and not again:
            return _Draft(wanted.name, wanted.credit_limit, wanted.expires_at)
        return _Draft(RESERVATION_PREFIX + secrets.token_hex(16), Decimal(0), self._clock() + LEASE)

    def _remove_lost(self, draft: _Draft, doubt: AccountError) -> str | None:
        """Delete the key that a POST in doubt has made, if it has made one."""
        try:
            found = [key.id for key in self._client.list_keys() if key.name == draft.name]
            if len(found) > 1:
                raise LeftoverError(
                    f"{doubt}; keys {_in_words(found)} are all named {draft.name!r}, so none was deleted: "
                    "delete those that are yours"
                )
            for key_id in found:
                self._delete(key_id)
        except LeftoverError:
            raise
        except AccountError as error:
            raise LeftoverError(
                f"{doubt}; whether it made a key named {draft.name!r} could not be found out, or the key could "
                f"not be deleted ({error}); if it exists, {draft.harm()}"
            ) from None
        return f"key {found[0]}, which is deleted" if found else None

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
            _require_carried_out(settled, wanted)
        except BaseException as error:
            self._withdraw(created, error)
            raise
        return CreatedKey.model_construct(**dict(settled), key=created.key)

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
            return self._client.get_key(key_id)
        except NotFoundError:
            return None

    def _read_alone(self) -> bool:
        with self._lock:
            self._reads += 1
            return self._reads <= _SINGLE_READS

    def _listed(self) -> dict[int, Key]:
        """All keys, listed once for all threads until this process writes."""
        with self._list_lock:  # whoever comes meanwhile waits for this one list
            snapshot = self._snapshot  # looked at once: a write may throw it away meanwhile
            if snapshot is not None:
                return snapshot
            writes = self._writes
            listed = {key.id: key for key in self._client.list_keys()}
            with self._lock:
                if writes == self._writes:
                    self._snapshot = listed
            return listed

    def _wrote(self) -> None:
        with self._lock:
            self._writes += 1
            self._snapshot = None


def _require_carried_out(key: Key, wanted: ApiKeyInputs) -> None:
    """Refuse a key that is still a reservation; a server may round what it was given, no more."""
    left = differences(key, wanted)
    ignored = [
        name
        for name, value in left.items()
        if name in ("name", "is_enabled") or value is None or getattr(key, name) is None
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


def _in_words(ids: list[int]) -> str:
    return ", ".join(str(key_id) for key_id in ids)
