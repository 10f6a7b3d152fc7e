"""A key on the server: make, adopt, read, change, delete. `reservations` explains how a key is made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pulumi_account.common.instants import format_instant, same_instant
from pulumi_account.core.expiry import counted
from pulumi_account.core.reads import Reads
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX, Draft
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
    from pulumi_account.api.models import Activity, CreatedKey, Key
    from pulumi_account.core.declaration import ApiKeyInputs
    from pulumi_account.core.properties import KnownKey

__all__ = ["Keys", "differences"]

_POST_ATTEMPTS = 3
#: how far the expiry of a new key may be from its creation plus `expires_in`: clocks differ, and a POST takes time
_TOLERATED_SKEW = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def differences(key: Key | KnownKey, wanted: ApiKeyInputs | Key) -> dict[str, object]:
    """The fields that a PATCH must change to make the key match its declaration."""
    pairs: dict[str, tuple[object, bool]] = {
        "name": (wanted.name, key.name == wanted.name),
        "is_enabled": (wanted.is_enabled, key.is_enabled == wanted.is_enabled),
        "credit_limit": (wanted.credit_limit, key.credit_limit == wanted.credit_limit),
        "expires_at": (wanted.expires_at, same_instant(key.expires_at, wanted.expires_at)),
    }
    return {name: value for name, (value, same) in pairs.items() if not same}


class Keys:
    """The keys of one account; safe for any number of threads.

    :param client: the account's API.
    :param abandoned: returns whether the engine that requests keys has exited, so that a plaintext would be lost.
    """

    def __init__(self, client: AccountClient, *, abandoned: Callable[[], bool] = lambda: False) -> None:
        self._client = client
        self._abandoned = abandoned
        self._reads = Reads(client)

    def make(self, wanted: ApiKeyInputs) -> CreatedKey:
        """Make a key as declared, and return it with its plaintext.

        It returns the plaintext only when the key is complete. If a step fails, it deletes the new key.

        :raises AbandonedError: the engine that requested it has exited, so the key was deleted.
        :raises LeftoverError: a key may have been left behind; the message names it.
        :raises AccountError: nothing was left behind, according to the API's answers.
        """
        try:
            reserved = self.confirm(self._post(wanted))
            return self.confirm(self._commit(reserved, wanted))
        finally:
            self._reads.wrote()

    def adopt(self, key_id: int, wanted: ApiKeyInputs) -> Key:
        """Adopt an existing key: change it to match its declaration, and return it.

        :raises AdoptionError: there is no such key.
        :raises InvalidInputError: ``expires_in`` has passed since the key was made.
        """
        try:
            key = self._reads.get(key_id)
        except NotFoundError:
            raise AdoptionError(f"adopt_key_id {key_id}: the account has no such key") from None
        if wanted.expires_in:
            wanted = replace(wanted, expires_at=counted(wanted.expires_in, key, self._client.now()))
        changes = differences(key, wanted)
        return self.change(key_id, changes) if changes else key

    def read(self, key_id: int) -> Key | None:
        """The current key; None if the API itself reports that it does not exist."""
        return self._reads.read(key_id)

    def look(self, key_id: int) -> Key | None:
        """The same from a request for this key alone, as each write makes a list of all keys stale."""
        try:
            return self._reads.get(key_id)
        except NotFoundError:
            return None

    def now(self) -> datetime:
        """The present instant by the API's clock."""
        return self._client.now()

    def activity(self, days: int) -> Activity:
        """The account's usage of the last 1 to 30 days."""
        return self._client.get_activity(days)

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
            self._reads.wrote()

    def delete(self, key_id: int) -> None:
        """Delete the key permanently; a missing key causes a warning, not an error."""
        if not self._delete(key_id):
            _log.warning(
                "key %d is gone already: it was deleted elsewhere, or by an attempt whose answer was lost, or the "
                "endpoint or the provisioning key is that of another account",
                key_id,
            )

    def _delete(self, key_id: int) -> bool:
        """Delete the key; False if it does not exist, as in a retry after a deletion whose answer was lost."""
        try:
            self._client.delete_key(key_id)
        except NotFoundError:
            return False
        finally:
            self._reads.wrote(key_id)
        return True

    def _post(self, wanted: ApiKeyInputs) -> CreatedKey:
        """POST until an answer arrives, and delete the keys that attempts with lost answers may have made."""
        doubts: list[tuple[Draft, AccountError]] = []
        clock_mended = False
        while True:
            draft = self._draft(wanted, again=bool(doubts))
            try:
                created = self._send(draft)
            except InvalidRequestError as error:
                if clock_mended or not draft.is_half_over(self._client.now()):
                    raise _about_lease(error, draft) from None
                clock_mended = True  # the refusal gave the API's time: the next lease is counted from that
            except AccountError as error:
                if not _in_doubt(error):
                    raise
                removed = self._remove_lost(draft, error)
                _log.warning("%s; it made %s", error, removed or f"no key named {draft.name!r} so far")
                doubts.append((draft, error))
                if len(doubts) == _POST_ATTEMPTS:
                    raise
            else:
                self._look_again(doubts)
                return created

    def _draft(self, wanted: ApiKeyInputs, *, again: bool) -> Draft:
        """The declaration, if it has a name that no other key has; else a reservation.

        The server may carry out the first POST of an auto-named key late, so that name is not used again.
        """
        assert wanted.name is not None
        if wanted.name_prefix is not None and not again:
            expires_at = self._client.now() + wanted.expires_in if wanted.expires_in else wanted.expires_at
            return Draft(wanted.name, wanted.credit_limit, expires_at, wanted.expires_in)
        return Draft.reservation(self._client.now())

    def _send(self, draft: Draft) -> CreatedKey:
        """POST; refuse an answer about a key that this POST cannot have made, such as one from a stale cache."""
        sent = self._reads.event()
        created = self._client.create_key(
            draft.name, credit_limit=draft.credit_limit, expires_at=draft.expires_at
        )
        now = self._client.told_time()
        old = now is not None and created.created_at < now - LEASE
        odd = old or self._reads.heard_before(created.id, sent)
        # no other key has this name, so this POST made the key, whatever else looks odd
        if not draft.fits(created) or (odd and not self._is_named(created.id, draft.name)):
            raise UnexpectedResponseError(
                f"POST /v1/account/keys: the answer is about key {created.id}, made at "
                f"{format_instant(created.created_at)}, not about the requested key",
                status=200,
            )
        return created

    def _is_named(self, key_id: int, name: str) -> bool:
        return any(key.id == key_id and key.name == name for key in self._reads.all())

    def _remove_lost(self, draft: Draft, doubt: AccountError) -> str | None:
        """Delete the key that a POST in doubt made, if it made one."""
        try:
            found = [key for key in self._reads.all() if key.name == draft.name]
            proven = len(found) == 1 and draft.made(found[0])
            if proven:
                self._delete(found[0].id)
        except AccountError as error:
            raise LeftoverError(
                f"{doubt}; it may have made a key named {draft.name!r}, which could not be found or deleted "
                f"({error}); if it exists, {draft.harm()}"
            ) from None
        if found and not proven:
            raise LeftoverError(f"{doubt}; {_unproven(found, draft.name)}")
        return f"key {found[0].id}, which is deleted" if found else None

    def _look_again(self, doubts: list[tuple[Draft, AccountError]]) -> None:
        """Delete what the server made late for POSTs in doubt, before any key gets the declared name."""
        for draft, doubt in doubts:
            try:
                removed = self._remove_lost(draft, doubt)
            except LeftoverError as error:
                _log.warning("%s", error)
                continue
            if removed:
                _log.warning("%s; it later made %s", doubt, removed)

    def _commit(self, created: CreatedKey, wanted: ApiKeyInputs) -> CreatedKey:
        """PATCH the fields in which the new key still differs from its declaration."""
        wanted = _expiring(wanted, created)
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

    def confirm(self, created: CreatedKey) -> CreatedKey:
        """Return a new key if the engine that requested it still runs; otherwise delete it.

        :raises AbandonedError: the engine has exited.
        """
        if not self._abandoned():
            return created
        gone = AbandonedError(f"the engine that requested key {created.id} has exited: the key was deleted")
        self._withdraw(created, gone)
        _log.warning("%s", gone)
        raise gone

    def _withdraw(self, created: CreatedKey, cause: BaseException) -> None:
        """Delete a key that could not be completed, and whose plaintext has not been returned."""
        try:
            self._delete(created.id)
        except AccountError as error:
            raise LeftoverError(
                f"{cause}; the new key {created.id} could not be deleted ({error}): delete it, "
                "because its plaintext is lost",
                key_id=created.id,
            ) from None


def _expiring(wanted: ApiKeyInputs, created: CreatedKey) -> ApiKeyInputs:
    """The declaration with the expiry of this new key; that of its POST stays if it is close enough."""
    if not wanted.expires_in:
        return wanted
    expires_at = created.created_at + wanted.expires_in
    posted = created.expires_at if created.name == wanted.name else None
    if posted and abs(posted - expires_at) <= _TOLERATED_SKEW:
        expires_at = posted
    return replace(wanted, expires_at=expires_at)


class _OtherKeyError(Exception):
    """An answer is about another key with the same id; either of the two answers may be wrong."""


def _require_carried_out(key: Key, created: CreatedKey, wanted: ApiKeyInputs) -> None:
    """Refuse a key that still has a value of its reservation; a server may only round the given values.

    :raises _OtherKeyError: it is another key, so nothing more may be written to this one.
    """
    if not same_instant(key.created_at, created.created_at):
        raise _OtherKeyError(
            f"key {key.id} was made at {format_instant(created.created_at)} according to POST, but at "
            f"{format_instant(key.created_at)} according to PATCH, so it was not changed further: find out whose key "
            f"it is, and delete a key named {created.name!r} if there is one"
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
            f"PATCH /v1/account/keys/{key.id}: the API answered 200, but did not change {', '.join(ignored)}",
            status=200,
        )


def _in_doubt(error: AccountError) -> bool:
    """Whether the API may have carried out the request in spite of this error."""
    if isinstance(error, ServerError):
        return True
    if isinstance(error, UnexpectedResponseError):
        return not 400 <= error.status < 500
    return not isinstance(error, (ConnectFailedError, StatusError))


def _about_lease(error: InvalidRequestError, draft: Draft) -> InvalidRequestError:
    """Explain a refused reservation, which the user did not declare."""
    if not draft.is_reservation or draft.expires_at is None:
        return error
    return InvalidRequestError(
        f"{error}; the request was for a reservation that expires at {format_instant(draft.expires_at)}, "
        "an hour from now by this machine's clock",
        status=error.status,
        type=error.type,
    )


def _unproven(found: list[Key], name: str) -> str:
    """Why none of these keys is deleted, although they have the name that should be unique."""
    if len(found) == 1:
        return (
            f"key {found[0].id} is named {name!r}, but differs from the request, so it was not deleted: "
            "delete it if it is yours"
        )
    ids = ", ".join(str(key.id) for key in found)
    return f"keys {ids} are all named {name!r}, so none was deleted: delete those that are yours"
