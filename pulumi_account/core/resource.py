"""Check, diff, create, read, update and delete a key, on plain values: the meaning of an engine's steps.

A front end translates: it gives each step bags of plain values, defines how to recognize an unknown value, whether
this is a preview and how to make an auto-name, and converts the results to those of its engine. `check` returns
normalized inputs, so that an engine can compare them. Outputs are the key as the server has it, with the declared
inputs that the server does not store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pulumi_account.common.durations import format_duration, parse_duration
from pulumi_account.common.ids import parse_key_id
from pulumi_account.common.instants import format_instant, read_instant
from pulumi_account.core.account import Account, require_same_key
from pulumi_account.core.adoption import ADOPTION, is_new
from pulumi_account.core.declaration import ApiKeyInputs, declared
from pulumi_account.core.expiry import counted, found
from pulumi_account.core.keys import differences
from pulumi_account.core.naming import auto_name, digits_of
from pulumi_account.core.properties import (
    ADOPTING,
    DECLARED_ONLY,
    DEFAULT_PREFIX,
    INPUTS,
    INSTANCE_ID,
    ON_SERVER,
    Bag,
    KnownKey,
    declared_bag,
    differs,
    facts,
    kept,
    merged,
    of_server,
    shown,
    split,
)
from pulumi_account.core.results import Checked, Created, Diff, ReadKey
from pulumi_account.exceptions import AdoptionError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key

__all__ = ["Checked", "Created", "Diff", "KeyResource", "ReadKey"]

_log = logging.getLogger(__name__)


class KeyResource:
    """The steps for the keys of one account; safe for any number of threads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = account.keys
        self._adoptions = account.adoptions
        self._expired: set[str] = set()

    def check(
        self, olds: Bag, news: Bag, *, preview: bool = False, draw: Callable[[str], object] = auto_name
    ) -> Checked:
        """Validate and normalize the inputs, and report all failures at once.

        The only call is a GET for a key to adopt, in a preview.

        :param olds: the current inputs of the resource; empty for a new one.
        :param draw: makes a new name from a prefix; returns an unknown in a preview that cannot know the name.
        """
        if news.get(
            DEFAULT_PREFIX
        ):  # only for a new key; an old one keeps its prefix if its resource is renamed
            news = {**news, **kept(olds, "name_prefix")}
        known, unknown = split(news, self._account.is_unknown)
        self._adoptions.want(news.get(ADOPTING) or ())
        try:
            inputs = declared(
                known,
                now=self._account.clock(),
                settled=read_instant(olds.get("expires_at")),
                rotated=not is_new(olds) and _rotates(olds, news),
                auto_named=olds.get("name") if "name_prefix" in olds else None,
                unknown=unknown,
            )
        except InvalidInputError as error:
            return Checked(dict(news), error.failures)
        if inputs.adopt_key_id is not None:
            problem = self._adoptions.declare(inputs.adopt_key_id, olds)
            if problem is None and preview and is_new(olds):
                problem = self._announce(inputs.adopt_key_id, inputs, unknown)
            if problem:
                return Checked(dict(news), [problem])
        checked = merged(declared_bag(inputs), unknown)
        if "name_prefix" in checked and "name" not in checked:
            checked["name"] = self._auto_name(checked, olds, draw)
        return Checked(checked | self._account.instance_ids(olds, news))

    def diff(self, key_id: str, olds: Bag, news: Bag) -> Diff:
        """Compare the declaration with the known state of the key.

        The only call is a GET if the provider instance has changed: it shows whether its account has this key.

        :raises AdoptionError: the replacement would adopt the same key that it is about to delete, or another
            resource has the key.
        :raises InvalidInputError: a new ``expires_in`` has passed since the key was made.
        """
        number = parse_key_id("id", key_id)
        moved = self._account.has_moved(number, olds, news)
        # if only the provider changed, the engine would replace nothing, and look for the key in another account
        replaces = ["provider"] if moved else _replaces(number, olds, news)
        if replaces and news.get("adopt_key_id") == number:
            raise AdoptionError(
                f"{replaces[0]} changed, but adopt_key_id {key_id} would adopt the same key that the "
                "replacement deletes: remove adopt_key_id"
            )
        if moved:
            return Diff(replaces=replaces, moved=True)
        is_refresh = self._adoptions.keep(number, olds, news, stays=not replaces)
        counts = news.get("expires_in") is not None
        changed = [name for name in INPUTS if differs(name, olds.get(name), news.get(name))]
        if counts and "expires_at" in changed:
            changed.remove("expires_at")  # it follows from expires_in
        if "expires_in" in changed and isinstance(news.get("expires_in"), str):
            if not is_refresh and not replaces:
                counted(parse_duration(news["expires_in"]), KnownKey.of(number, olds), self._account.clock())
        else:
            self._warn_if_expired(key_id, "expires_in" if counts else "expires_at", olds if counts else news)
        return Diff(changed, replaces)

    def create(self, props: Bag, *, identity: str = "") -> Created:
        """Make the key, or adopt it: POST, and PATCH where needed; or GET and PATCH.

        :param identity: a text that no other resource has that may have the key, not even the replacement of this
            one; random by default.
        :raises LeftoverError: the key was made, but could not be completed or deleted; ``key_id`` is its id.
        """
        inputs = self._declared(props)
        if inputs.adopt_key_id is None:
            created = self._keys.make(inputs)
            self._adoptions.make(created.id)
            return Created(
                str(created.id), self._outputs(created, inputs, props, created.key.get_secret_value())
            )
        self._adoptions.claim(inputs.adopt_key_id)
        adopted = self._keys.adopt(inputs.adopt_key_id, inputs)
        outputs = self._outputs(adopted, inputs, props, _plaintext(inputs))
        return Created(str(adopted.id), outputs | self._adoptions.adopt(adopted.id, outputs, identity))

    def read(self, key_id: str, state: Bag) -> ReadKey | None:
        """The current key, with the plaintext from the state; None only if the API reports that it does not exist.

        :param state: the resource's outputs; without ``key_id`` for a key that no state has yet.
        :raises NotFoundError: the key does not exist, and no state has it.
        """
        key = self._keys.read(parse_key_id("id", key_id))
        if key is None and "key_id" not in state:
            raise NotFoundError(f"the account has no key {key_id}", status=404)
        if key is None:
            self._account.may_be_gone(int(key_id), state)
            return None
        require_same_key(key, read_instant(state.get("created_at")))
        if "key_id" in state:
            self._adoptions.refresh(key.id)
        inputs = of_server(key) | kept(state, *DECLARED_ONLY, INSTANCE_ID) | {"expires_in": found(key, state)}
        if inputs["expires_in"] is None:
            del inputs["expires_in"]
        outputs = inputs | facts(key, state.get("key")) | self._account.instance | kept(state, ADOPTION)
        if "expires_in" in inputs:
            del inputs["expires_at"]
        return ReadKey(outputs, inputs)

    def update(self, key_id: str, olds: Bag, news: Bag, *, identity: str = "") -> dict[str, Any]:
        """PATCH the changed fields; returns the outputs, with the plaintext from the state.

        :param identity: as in `create`, for an update that adopts the key.
        """
        wanted = self._declared(news)
        before = KnownKey.of(parse_key_id("id", key_id), olds)
        if wanted.expires_in:
            moves = olds.get("expires_in") != format_duration(wanted.expires_in)
            ends = counted(wanted.expires_in, before, self._account.clock()) if moves else before.expires_at
            wanted = replace(wanted, expires_at=ends)
        changes = differences(before, wanted)
        key = self._keys.change(before.id, changes) if changes else before
        require_same_key(key, before.created_at, "; it has been changed there")
        made_here = "adopt_key" not in olds and olds.get("key")
        plaintext = made_here or _plaintext(wanted) or olds.get("key")
        token = kept(olds, ADOPTION)
        if not token and before.id in (olds.get("adopt_key_id"), wanted.adopt_key_id):
            token = self._adoptions.adopt(before.id, olds, identity)
        return self._outputs(key, wanted, news, plaintext) | token

    def delete(self, key_id: str, outputs: Bag) -> None:
        """Delete the key, unless another resource of this stack keeps it.

        :raises KeyInUseError: its ``delete_guard`` does not allow it.
        """
        self._account.delete([(parse_key_id("id", key_id), str(outputs.get("name")))], outputs)

    def _declared(self, props: Bag) -> ApiKeyInputs:
        """Read inputs that `check` has returned; the API refuses an expiry that has passed since then."""
        known, _ = split(props, self._account.is_unknown)
        settled = read_instant(props.get("expires_at"))
        return declared(known, now=self._account.clock(), settled=settled, auto_named=known.get("name"))

    def _outputs(
        self, key: Key | KnownKey, inputs: ApiKeyInputs, props: Bag, plaintext: str | None
    ) -> dict[str, Any]:
        declared_only = kept(declared_bag(inputs), *DECLARED_ONLY)
        return (
            of_server(key)
            | declared_only
            | facts(key, plaintext)
            | self._account.instance
            | kept(props, INSTANCE_ID)
        )

    def _auto_name(self, inputs: Bag, olds: Bag, draw: Callable[[str], object]) -> object:
        """A name that keeps its digits until the key is replaced; unknown if its prefix is."""
        prefix = inputs["name_prefix"]
        if self._account.is_unknown(prefix):
            return prefix
        digits = None if _rotates(olds, inputs) else digits_of(olds.get("name"), olds.get("name_prefix"))
        return prefix + digits if digits else draw(prefix)

    def _announce(self, key_id: int, wanted: ApiKeyInputs, unknown: Bag) -> str | None:
        """Report what an adoption will change, which no preview shows; returns the reason if it is impossible."""
        key = self._keys.read(key_id)
        if key is None:
            return f"adopt_key_id {key_id}: the account has no such key"
        try:
            ends = (
                counted(wanted.expires_in, key, self._account.clock())
                if wanted.expires_in
                else wanted.expires_at
            )
        except InvalidInputError as error:
            return str(error)
        before, after = of_server(key), of_server(replace(wanted, expires_at=ends))
        for name in ON_SERVER:
            if name in unknown or (name == "expires_at" and "expires_in" in unknown):
                _log.warning("adopt_key_id %d: %s %s => not known yet", key_id, name, shown(name, before))
            elif differs(name, before.get(name), after.get(name)):
                _log.warning(
                    "adopt_key_id %d: %s %s => %s", key_id, name, shown(name, before), shown(name, after)
                )
        return None

    def _warn_if_expired(self, key_id: str, declared_by: str, bag: Bag) -> None:
        """Warn once that a key has expired: none of its inputs has changed, so no diff shows that."""
        expires_at = read_instant(bag.get("expires_at"))
        if expires_at and expires_at <= self._account.clock() and key_id not in self._expired:
            self._expired.add(key_id)
            _log.warning(
                "key %s expired at %s: change %s, or remove it",
                *(key_id, format_instant(expires_at), declared_by),
            )


def _replaces(key_id: int, olds: Bag, news: Bag) -> list[str]:
    """The inputs whose changes need another key: a rotation makes one, and an adoption takes an existing one."""
    adopts = news.get("adopt_key_id")
    other = ["adopt_key_id"] if adopts is not None and adopts != key_id else []
    return (["rotation_triggers"] if _rotates(olds, news) else []) + other


def _rotates(olds: Bag, news: Bag) -> bool:
    return differs("rotation_triggers", olds.get("rotation_triggers"), news.get("rotation_triggers"))


def _plaintext(inputs: ApiKeyInputs) -> str | None:
    return inputs.adopt_key.reveal() if inputs.adopt_key else None
