"""What becomes of the keys that a rotation has replaced: they expire when the overlap ends, and are deleted after it.

A state holds each as an entry with ``key_id``, ``name`` and ``expires_at``; an entry without an expiry is a key that
has yet to get one. No failure here stops a run, as its new key would be lost: the next run tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pulumi_account.common.instants import format_instant, read_instant
from pulumi_account.common.text import visible
from pulumi_account.core.properties import Bag
from pulumi_account.exceptions import AccountError, KeyGoneError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key
    from pulumi_account.core.keys import Keys

__all__ = ["REVOKED", "Retirement", "announce", "announce_revocation", "delete_expired", "retired_keys"]

#: output: the ids of the retired keys that `revoke` has not been able to delete yet
REVOKED = "__revoked"

_log = logging.getLogger(__name__)


def retired_keys(state: Bag) -> list[dict[str, Any]]:
    """The entries in a state, with integers as ids: engines carry numbers as floats."""
    return [{**entry, "key_id": int(entry["key_id"])} for entry in state.get("retired") or ()]


def delete_expired(keys: Keys, state: Bag) -> list[tuple[int, str]]:
    """Delete the retired keys that have expired or are revoked; returns the ids and names of those that still work."""
    living = []
    for entry in retired_keys(state):
        key = _found(keys, entry)
        if key is None:
            continue
        has_expired = key.expires_at is not None and key.expires_at <= keys.now()
        if has_expired or key.id in state.get(REVOKED, ()):
            keys.delete(key.id)
        else:
            living.append((key.id, key.name))
    return living


def announce(state: Bag, now: datetime) -> bool:
    """Report what the next update will do about retired keys, as no input shows it; returns whether there is any."""
    lines = []
    for entry in retired_keys(state):
        ends = read_instant(entry.get("expires_at"))
        if entry["key_id"] in state.get(REVOKED, ()):
            what = "is revoked, but not deleted yet: the update deletes it"
        elif ends is None:
            what = "has been replaced, but never expires yet: the update sets its expiry"
        elif ends <= now:
            what = f"expired at {format_instant(ends)}: the update deletes it"
        else:
            continue
        lines.append(f"retired key {entry['key_id']} ({visible(str(entry['name']))!r}) {what}")
    for line in lines:
        _log.warning("%s", line)
    return bool(lines)


def announce_revocation(state: Bag) -> None:
    """Report which keys an update will delete because `revoke` has changed, as the diff does not name them."""
    current = [{"key_id": int(state["key_id"]), "name": state.get("name")}] if "key_id" in state else []
    for entry in [*retired_keys(state), *current]:
        name = visible(str(entry["name"]))
        _log.warning("key %d (%r) is revoked: the update deletes it", entry["key_id"], name)


class Retirement:
    """The retired keys of one resource, in the middle of an update.

    :param state: the resource's outputs.
    :param overlap: how long a key works after it was replaced.
    :ivar entries: the retired keys that exist.
    """

    def __init__(self, keys: Keys, state: Bag, overlap: timedelta) -> None:
        self._keys = keys
        self._overlap = overlap
        self._revoked = set(state.get(REVOKED, ()))
        self.entries = [left for entry in retired_keys(state) for left in self._settled(entry)]

    @property
    def outputs(self) -> dict[str, Any]:
        """The entries, as a state holds them."""
        revoked = [entry["key_id"] for entry in self.entries if entry["key_id"] in self._revoked]
        return {"retired": self.entries, **({REVOKED: revoked} if revoked else {})}

    def add(self, key: Key) -> None:
        """Retire the key that has just been replaced."""
        self.entries += self._retired(key)

    def revoke(self, key: Key | None) -> None:
        """Delete all retired keys, and this one."""
        entries = self.entries + ([_entry(key, key.expires_at)] if key else [])
        self._revoked = {entry["key_id"] for entry in entries}
        self.entries = [left for entry in entries for left in self._settled(entry)]

    def switch(self, is_enabled: bool, also: Iterable[int] = ()) -> None:
        """Enable or disable the retired keys, and those with these ids.

        :raises AccountError: a call failed; nothing is lost, as the update can be repeated.
        """
        for key_id in [*(entry["key_id"] for entry in self.entries), *also]:
            try:
                self._keys.change(key_id, {"is_enabled": is_enabled})
            except KeyGoneError:
                continue

    def _settled(self, entry: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """The entry after what can be done now, or none if its key is gone."""
        key_id, ends = entry["key_id"], read_instant(entry.get("expires_at"))
        is_revoked = key_id in self._revoked
        if ends and ends > self._keys.now() and not is_revoked:
            return [entry]
        try:
            key = _found(self._keys, entry)
            if key is None:
                return []
            # this machine's clock may be ahead: the answer gave the API's time
            if is_revoked or (key.expires_at and key.expires_at <= self._keys.now()):
                self._keys.delete(key_id)
                return []
        except AccountError as error:
            _log.warning("retired key %d: the next run tries again: %s", key_id, error)
            return [entry]
        # an expiry that was extended elsewhere stays
        return [_entry(key, key.expires_at)] if ends and key.expires_at else self._retired(key)

    def _retired(self, key: Key) -> Sequence[dict[str, Any]]:
        """The entry of a key that now expires when the overlap ends, or at its own expiry if that is earlier."""
        until = (self._keys.now() + self._overlap).replace(microsecond=0) + timedelta(seconds=1)
        if key.expires_at and key.expires_at <= until:
            return [_entry(key, key.expires_at)]
        try:
            return [_entry(key, self._keys.change(key.id, {"expires_at": until}).expires_at)]
        except KeyGoneError:
            return []
        except AccountError as error:
            _log.warning(
                "key %d is replaced, but never expires yet; the next run tries again: %s", key.id, error
            )
            return [_entry(key, None)]


def _found(keys: Keys, entry: Bag) -> Key | None:
    """The retired key; None if it is gone: a server may use the id of a deleted key again."""
    key = keys.look(entry["key_id"])
    if key is None or key.name == entry["name"]:
        return key
    _log.warning(
        "retired key %d (%r) is now named %r, so it is left alone: delete it if it is the same key",
        *(key.id, visible(str(entry["name"])), visible(key.name)),
    )
    return None


def _entry(key: Key, expires_at: datetime | None) -> dict[str, Any]:
    ends = {"expires_at": format_instant(expires_at)} if expires_at else {}
    return {"key_id": key.id, "name": key.name, **ends}
