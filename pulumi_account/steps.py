"""The engine's steps on property bags: what each means for a key.

A bag is what the engine passes: plain values, numbers as floats, `Unknown` objects while a preview does not
know a value, and the SDK's own ``__provider``. Inputs that leave `check` are normalised, so that the engine can
compare them by itself; outputs are the key as the server has it, with the declared inputs it knows nothing of.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.output import UNKNOWN, Unknown

from pulumi_account.exceptions import AdoptionError, ConfigurationError, InvalidInputError, NotFoundError
from pulumi_account.inputs import ApiKeyInputs, declared
from pulumi_account.keys import Keys, KnownKey, auto_name, differences, is_auto_name
from pulumi_account.values import (
    format_instant,
    parse_instant,
    parse_key_id,
    same_instant,
    to_number,
    utc_now,
)

if TYPE_CHECKING:
    from pulumi_account.models import Key

__all__ = ["Steps"]

Bag = Mapping[str, Any]

#: what only the program and the state know: carried from the inputs to the outputs, and back by a refresh
_DECLARED_ONLY = ("name_prefix", "rotation_triggers", "adopt_key_id", "adopt_key")
#: an output that tells which provider instance made the key; two underscores hide it from displays
_INSTANCE = "__instance"
_INPUTS = ("name", "credit_limit", "is_enabled", "expires_at", *_DECLARED_ONLY)

_log = logging.getLogger(__name__)


class Steps:
    """Check, diff, create, read, update and delete for the keys of one account; safe for any number of threads.

    :param keys: the account's keys.
    :param instance: the name of the explicit provider instance; empty for the default one.
    """

    def __init__(self, keys: Keys, instance: str = "") -> None:
        self._keys = keys
        self._instance = {_INSTANCE: instance} if instance else {}
        self._lock = threading.Lock()
        # No key may be managed twice, and what one resource adopts must not be deleted with the resource that
        # had it before. So: the ids that resources of this run have, those that some are to adopt, and those
        # that were adopted, or whose adoption failed (False).
        self._managed: set[int] = set()
        self._wanted: set[int] = set()
        self._adopted: dict[int, bool] = {}

    def check(self, olds: Bag, news: Bag, *, preview: bool = False) -> CheckResult:
        """Validate and normalise the inputs; all failures at once.

        The engine prints the value of a failure's property, even a secret one: so no failure has a property, and
        the sentence itself names it.
        """
        known, unknown = _split(news)
        try:
            inputs = declared(
                known,
                now=utc_now(),
                settled=_instant(olds.get("expires_at")),
                auto_named=_kept_name(olds, known.get("name_prefix")),
                unknown=unknown,
            )
        except InvalidInputError as error:
            return _refused(news, error.failures)
        if inputs.adopt_key_id is not None and (
            taken := self._taken(inputs.adopt_key_id, is_new="is_enabled" not in olds)
        ):
            return _refused(news, [taken])
        normalised = _merged(_properties(inputs), unknown)
        return CheckResult(_with_name(normalised, olds, preview=preview), [])

    def diff(self, key_id: str, olds: Bag, news: Bag) -> DiffResult:
        """Compare what is declared with what is known of the key.

        ``changes=None`` lets the engine compare the inputs itself, and name the changed ones.

        :raises AdoptionError: the replacement would adopt the very key that it is about to delete.
        """
        adopting = news.get("adopt_key_id") == int(key_id)
        moved = olds.get(_INSTANCE, "") != self._instance.get(_INSTANCE, "")
        # where the provider changed, the engine would merely note it, and look for the key in another account
        replaces = ["provider"] if moved else _replaces(int(key_id), olds, news)
        if adopting and replaces:
            raise AdoptionError(
                f"{replaces[0]} changed, but adopt_key_id {key_id} would adopt again the very key that the "
                "replacement deletes: remove adopt_key_id"
            )
        self._note(int(key_id), adopting=adopting)
        if moved:
            return DiffResult(changes=True, replaces=replaces)
        changed = any(_differs(name, olds.get(name), news.get(name)) for name in _INPUTS)
        return DiffResult(changes=None if changed else False, replaces=replaces)

    def create(self, props: Bag) -> CreateResult:
        """Make the key, or adopt it."""
        inputs = _inputs(props)
        if inputs.adopt_key_id is None:
            created = self._keys.make(inputs)
            with self._lock:
                self._managed.add(created.id)
            return CreateResult(
                str(created.id), self._outputs(created, inputs, created.key.get_secret_value())
            )
        self._claim(inputs.adopt_key_id)
        adopted = self._keys.adopt(inputs.adopt_key_id, inputs)
        with self._lock:
            self._adopted[adopted.id] = True
        return CreateResult(str(adopted.id), self._outputs(adopted, inputs, _plaintext(inputs)))

    def read(self, key_id: str, props: Bag) -> ReadResult:
        """A refresh, or ``ApiKey.get``: the key as it is now, with the plaintext that the state has.

        "Gone" is said only where the API itself says so.
        """
        key = self._keys.read(parse_key_id("id", key_id))
        refreshing = "key_id" in props  # the engine gives no outputs to ApiKey.get
        if key is None and not refreshing:
            raise NotFoundError(f"the account has no key {key_id}", status=404)
        if key is None:
            return ReadResult("", {})
        _require_same_key(key, _instant(props.get("created_at")))
        inputs = _on_server(key) | {name: props[name] for name in _DECLARED_ONLY if name in props}
        outputs = inputs | _facts(key, props.get("key")) | self._instance
        return ReadResult(key_id, outputs, inputs if refreshing else None)

    def update(self, key_id: str, olds: Bag, news: Bag) -> UpdateResult:
        """One PATCH with just what changed; the plaintext is carried forward."""
        wanted = _inputs(news)
        before = _known_key(int(key_id), olds)
        changes = differences(before, wanted)
        key = self._keys.change(before.id, changes) if changes else before
        _require_same_key(key, before.created_at, "; it has been changed there")
        made_here = "adopt_key" not in olds and olds.get("key")
        plaintext = made_here or _plaintext(wanted) or olds.get("key")
        return UpdateResult(self._outputs(key, wanted, plaintext))

    def delete(self, key_id: str) -> None:
        """Delete the key, unless another resource of this run has it by adoption."""
        with self._lock:
            adopted = self._adopted.get(int(key_id))
        if adopted is None:
            self._keys.delete(int(key_id))
        elif adopted:
            _log.warning("key %s is kept: adopt_key_id gives it to a resource of this stack", key_id)
        else:
            raise AdoptionError(f"key {key_id} is not deleted: a resource that was to adopt it could not")

    def _outputs(self, key: Key | KnownKey, inputs: ApiKeyInputs, plaintext: str | None) -> dict[str, Any]:
        declared_only = {name: value for name, value in _properties(inputs).items() if name in _DECLARED_ONLY}
        return _on_server(key) | declared_only | _facts(key, plaintext) | self._instance

    def _taken(self, key_id: int, *, is_new: bool) -> str | None:
        """Why a new resource cannot adopt this key, already in the preview."""
        with self._lock:
            self._wanted.add(key_id)
            if is_new and key_id in self._managed:
                return _managed_already(key_id)
        return None

    def _note(self, key_id: int, *, adopting: bool) -> None:
        """Note whose key this is, from a diff."""
        with self._lock:
            if key_id in self._wanted and not adopting:
                raise AdoptionError(
                    f"key {key_id} is this resource's, and another one of this stack is to adopt it: "
                    "remove one of the two"
                )
            self._managed.add(key_id)
            if adopting:
                self._adopted[key_id] = True

    def _claim(self, key_id: int) -> None:
        with self._lock:
            if key_id in self._managed:
                raise AdoptionError(_managed_already(key_id))
            self._managed.add(key_id)
            self._adopted[key_id] = False


# --- bags to models and back -------------------------------------------------------------------------------


def _managed_already(key_id: int) -> str:
    return f"adopt_key_id {key_id}: this key is managed by a resource of this stack already"


def _refused(news: Bag, failures: Sequence[str]) -> CheckResult:
    return CheckResult(dict(news), [CheckFailure("", failure) for failure in failures])


def _split(news: Bag) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs that are known, and those that a preview does not know yet."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in news.items():
        if isinstance(value, Unknown):
            unknown[name] = value
        elif isinstance(value, dict):
            known[name] = {k: v for k, v in value.items() if not isinstance(v, Unknown)}
            if len(known[name]) < len(value):
                unknown[name] = {k: v for k, v in value.items() if isinstance(v, Unknown)}
        elif not name.startswith("__"):  # the SDK's own
            known[name] = value
    return known, unknown


def _merged(known: Bag, unknown: Bag) -> dict[str, Any]:
    merged = dict(known)
    for name, value in unknown.items():
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    return merged


def _kept_name(olds: Bag, prefix: object) -> str | None:
    """The name that auto-naming gave before, if it still fits."""
    name = olds.get("name")
    if not isinstance(prefix, str) or olds.get("name_prefix") != prefix or not isinstance(name, str):
        return None
    return name if is_auto_name(name, prefix) else None


def _with_name(inputs: dict[str, Any], olds: Bag, *, preview: bool) -> dict[str, Any]:
    """Inputs with a name: an auto-name stays as it is until the key is replaced.

    A preview does not know a new one: the deployment would draw another, so showing one would be a lie.
    """
    prefix = inputs.get("name_prefix")
    if prefix is None or "name" in inputs:
        return inputs
    new = UNKNOWN if preview or isinstance(prefix, Unknown) else auto_name(prefix)
    return {**inputs, "name": _kept_name(olds, prefix) or new}


def _inputs(props: Bag) -> ApiKeyInputs:
    """Inputs that `check` has passed; an expiry that has passed since then is the API's to refuse."""
    known, _ = _split(props)
    settled = _instant(props.get("expires_at"))
    return declared(known, now=utc_now(), settled=settled, auto_named=known.get("name"))


def _properties(inputs: ApiKeyInputs) -> dict[str, Any]:
    """Inputs as the state holds them: what is left out is absent."""
    bag = {
        "name_prefix": inputs.name_prefix,
        "rotation_triggers": inputs.rotation_triggers or None,
        "adopt_key_id": inputs.adopt_key_id,
        "adopt_key": _plaintext(inputs),
    }
    return _on_server(inputs) | {name: value for name, value in bag.items() if value is not None}


def _plaintext(inputs: ApiKeyInputs) -> str | None:
    return inputs.adopt_key.reveal() if inputs.adopt_key else None


def _on_server(key: Key | KnownKey | ApiKeyInputs) -> dict[str, Any]:
    """The properties of a key that the server knows, as the state holds them."""
    bag = {
        "name": key.name,
        "credit_limit": None if key.credit_limit is None else to_number(key.credit_limit),
        "is_enabled": key.is_enabled,
        "expires_at": None if key.expires_at is None else format_instant(key.expires_at),
    }
    return {name: value for name, value in bag.items() if value is not None}


def _facts(key: Key | KnownKey, plaintext: str | None) -> dict[str, Any]:
    """The properties of a key that nobody declares."""
    created_at = key.created_at and format_instant(key.created_at)
    facts = {"key_id": key.id, "created_at": created_at, "key": plaintext}
    return {name: value for name, value in facts.items() if value is not None}


def _known_key(key_id: int, olds: Bag) -> KnownKey:
    """The key as the state has it."""
    limit = olds.get("credit_limit")
    return KnownKey(
        id=key_id,
        name=olds.get("name"),
        created_at=_instant(olds.get("created_at")),
        expires_at=_instant(olds.get("expires_at")),
        is_enabled=olds.get("is_enabled"),
        credit_limit=None if limit is None else Decimal(repr(limit)),
    )


def _replaces(key_id: int, olds: Bag, news: Bag) -> list[str]:
    """What cannot be changed in place: a rotation makes a new key, and so does the adoption of another one."""
    adopts = news.get("adopt_key_id")
    found = {
        "rotation_triggers": _differs(
            "rotation_triggers", olds.get("rotation_triggers"), news.get("rotation_triggers")
        ),
        "adopt_key_id": adopts is not None and adopts != key_id,
    }
    return [name for name, replaced in found.items() if replaced]


def _differs(name: str, old: Any, new: Any) -> bool:
    if name == "expires_at" and isinstance(old, str) and isinstance(new, str):
        return not same_instant(_instant(old), _instant(new))
    if name == "rotation_triggers":
        return bool((old or {}) != (new or {}))
    return bool(old != new)


def _instant(value: object) -> datetime | None:
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _require_same_key(key: Key | KnownKey, created_at: datetime | None, what_was_done: str = "") -> None:
    """Ids are small numbers: another account has the same ones."""
    if key.created_at and created_at and not same_instant(key.created_at, created_at):
        raise ConfigurationError(
            f"key {key.id} was made at {format_instant(key.created_at)}, but the state's at "
            f"{format_instant(created_at)}: the endpoint or the provisioning key is that of another account"
            f"{what_was_done}"
        )
