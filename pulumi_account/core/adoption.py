"""Which resource has which key in this run: a deletion must not take a key away from a resource that holds it.

The engine gives no reason for a deletion, and does not know which resource has the key by now. Two
entries of a state may name one key: the resource that had it, and the one that adopted it. So each adoption has an
identity, which stays in its resource's outputs, and a key is deleted only if no other identity has it.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pulumi_account.exceptions import AdoptionError

if TYPE_CHECKING:
    from pulumi_account.core.peers import Peers

#: the output that holds an adoption's identity; two underscores hide it from displays
ADOPTION = "__adoption"
#: the identities of a resource that made its key, and of one that adopted it under an older version
_MADE, _OLDER = "", "?"


class Adoptions:
    """Records which resource has which key, as the steps of this run show it; safe for any number of threads.

    :param peers: the other processes of this run, which may see other resources of the same account.
    """

    def __init__(self, peers: Peers | None = None) -> None:
        self._lock = threading.Lock()
        self._peers = peers
        self._managed: set[int] = set()  # by a resource of this stack
        self._wanted: set[int] = set()  # by an adopt_key_id
        self._wanted_by_new: set[int] = set()
        self._wanted_as_before: set[int] = set()
        self._undecided: set[int] = set()  # their resources' adopt_key_id is not known yet
        self._holders: dict[int, set[str]] = {}  # the identities of the resources that have a key
        self._refreshed: Counter[int] = Counter()  # read, but not compared yet

    def want(self, key_ids: Iterable[float]) -> None:
        """Note that resources will adopt these keys; the program may declare some of those resources later."""
        with self._lock:
            self._wanted.update(int(key_id) for key_id in key_ids)

    def declare(self, key_id: int, olds: Mapping[str, Any]) -> str | None:
        """Note that a resource with these old inputs will adopt a key; returns the reason if it cannot.

        The engine passes no old inputs when it checks a new resource, and again when it checks a replacement.
        """
        with self._lock:
            self._wanted.add(key_id)
            if is_new(olds):
                self._wanted_by_new.add(key_id)
            elif olds.get("adopt_key_id") == key_id:
                self._wanted_as_before.add(key_id)
            twice = key_id in self._wanted_by_new & self._wanted_as_before
            return _managed_already(key_id) if twice or (is_new(olds) and key_id in self._managed) else None

    def refresh(self, key_id: int) -> None:
        """Note that a refresh has read this key: the diff that follows is about the state, not about the program."""
        with self._lock:
            self._refreshed[key_id] += 1

    def keep(self, key_id: int, olds: Mapping[str, Any], news: Mapping[str, Any], *, stays: bool) -> bool:
        """Note that a resource has this key, and whether it keeps it.

        :returns: whether a refresh asks, so that the news are those of the state.
        :raises AdoptionError: another resource will adopt it.
        """
        adopts = news.get("adopt_key_id")
        undecided = adopts is not None and not isinstance(adopts, (int, float))
        with self._lock:
            self._hold(key_id, olds, _identity(key_id, olds), has=stays)
            if self._refreshed[key_id]:
                self._refreshed[key_id] -= 1
                return True
            if key_id in self._wanted and adopts != key_id and not undecided:
                raise AdoptionError(
                    f"key {key_id} belongs to this resource, but another resource of this stack would adopt it: "
                    "remove one of the two"
                )
            self._managed.add(key_id)
            (self._undecided.add if undecided else self._undecided.discard)(key_id)
            return False

    def make(self, key_id: int) -> None:
        """Note that a resource has made this key."""
        with self._lock:
            self._managed.add(key_id)

    def claim(self, key_id: int) -> None:
        """Reserve a key for a resource that is about to adopt it.

        :raises AdoptionError: another resource has it.
        """
        with self._lock:
            if key_id in self._managed:
                raise AdoptionError(_managed_already(key_id))
            self._managed.add(key_id)

    def adopt(self, key_id: int, outputs: Mapping[str, Any], identity: str = "") -> dict[str, str]:
        """Note that a resource has adopted this key; returns the output that holds the adoption's identity.

        :param identity: a text that no other resource has, not even the replacement of this one; random by default.
        """
        identity = identity or secrets.token_hex(8)
        with self._lock:
            self._hold(key_id, outputs, identity)
        return {ADOPTION: identity}

    def may_delete(self, key_id: int, outputs: Mapping[str, Any]) -> bool:
        """Whether a resource with these outputs may delete its key; False if another has it, which may delete it later.

        :raises AdoptionError: the holder is not known, or a resource will adopt the key but has not done so yet.
        """
        identity = _identity(key_id, outputs)
        with self._lock, self._peers.alone() if self._peers else nullcontext():
            holders = self._holders.get(key_id, set())
            elsewhere = self._peers.holders(_name(key_id, outputs)) if self._peers else set()
            if (holders | elsewhere) - {identity}:
                self._hold(key_id, outputs, identity, has=False)
                return False
            if identity == _OLDER and _OLDER in holders:
                raise AdoptionError(
                    f"key {key_id} is not deleted: two resources of this state adopted it under an older version, and "
                    "cannot be distinguished: remove adopt_key_id from the program and run `pulumi up`"
                )
            if key_id in self._wanted | self._undecided:
                raise AdoptionError(
                    f"key {key_id} is not deleted, as adopt_key_id gives it to a resource of this stack, which may be "
                    "the one that is being replaced: to keep the key, undo what forces the replacement "
                    "(`pulumi state untaint`); to replace it, remove adopt_key_id and run `pulumi up` first"
                )
        return True

    def _hold(self, key_id: int, outputs: Mapping[str, Any], identity: str, *, has: bool = True) -> None:
        holders = self._holders.setdefault(key_id, set())
        (holders.add if has else holders.discard)(identity)
        if self._peers:
            self._peers.tell(_name(key_id, outputs), identity, has=has)


def is_new(olds: Mapping[str, Any]) -> bool:
    """Whether there are no old inputs, so that the key is new or a replacement."""
    return "is_enabled" not in olds


def _identity(key_id: int, outputs: Mapping[str, Any]) -> str:
    """The identity of the resource with these outputs."""
    return str(outputs.get(ADOPTION) or (_OLDER if outputs.get("adopt_key_id") == key_id else _MADE))


def _name(key_id: int, outputs: Mapping[str, Any]) -> str:
    """The key's name in all processes and accounts; in whole seconds, because a server may keep no fractions."""
    return f"{key_id}@{str(outputs.get('created_at'))[:19]}"


def _managed_already(key_id: int) -> str:
    return (
        f"adopt_key_id {key_id}: a resource of this stack already manages this key; "
        "if that resource is to be replaced, first remove adopt_key_id from it"
    )
