"""The engine's steps on property bags: what each means for a key.

A bag is what the engine passes: plain values, numbers as floats, `Unknown` objects while a preview does not
know a value, and the SDK's own ``__provider``. Inputs that leave `check` are normalised, so that the engine can
compare them by itself; outputs are the key as the server has it, with the declared inputs it knows nothing of.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.output import UNKNOWN, Unknown

from pulumi_account.common.ids import parse_key_id
from pulumi_account.common.instants import format_instant, read_instant, same_instant, utc_now
from pulumi_account.common.money import to_number
from pulumi_account.common.text import visible
from pulumi_account.core.adoption import ADOPTION, Adoptions, is_new
from pulumi_account.core.declaration import ApiKeyInputs, declared
from pulumi_account.core.keys import Keys, KnownKey, differences
from pulumi_account.core.naming import SUFFIX_DIGITS, auto_name, is_auto_name
from pulumi_account.core.properties import ADOPTING, DEFAULT_PREFIX, INSTANCE_ID
from pulumi_account.exceptions import AdoptionError, ConfigurationError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key
    from pulumi_account.core.peers import Peers

__all__ = ["Steps"]

Bag = Mapping[str, Any]

#: what only the program and the state know: carried from the inputs to the outputs, and back by a refresh
_DECLARED_ONLY = ("name_prefix", "rotation_triggers", "adopt_key_id", "adopt_key")
#: an output that tells which provider instance made the key, by its name; two underscores hide it from displays
_INSTANCE = "__instance"
#: an output that tells a key that `ApiKey.get` reads from one that is managed
_EXTERNAL = "__external"
#: an input by which `check`, which knows the old inputs, tells `diff`, which does not, what instance the key had
_FORMER_INSTANCE_ID = "__former_instance_id"
_SERVER = ("name", "credit_limit", "is_enabled", "expires_at")
_INPUTS = (*_SERVER, *_DECLARED_ONLY)
_PLAINTEXTS = ("key", "adopt_key")
#: the engine's own mark of a secret in a bag: it holds whatever options and transforms a program applies
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

_log = logging.getLogger(__name__)


class Steps:
    """Check, diff, create, read, update and delete for the keys of one account; safe for any number of threads.

    :param keys: the account's keys.
    :param instance: the name of the explicit provider instance; empty for the default one.
    :param peers: the other provider processes of this run.
    """

    def __init__(self, keys: Keys, instance: str = "", peers: Peers | None = None) -> None:
        self._keys = keys
        self._instance = {_INSTANCE: instance} if instance else {}
        self._adoptions = Adoptions(peers)
        self._expired: set[str] = set()

    def check(self, olds: Bag, news: Bag, *, preview: bool = False) -> CheckResult:
        """Validate and normalise the inputs; all failures at once.

        The engine prints the value of a failure's property, even a secret one: so no failure has a property, and
        the sentence itself names it.
        """
        news = _with_prefix(news, olds)
        known, unknown = _split(news)
        self._adoptions.want(news.get(ADOPTING) or ())
        try:
            inputs = declared(
                known,
                now=utc_now(),
                settled=read_instant(olds.get("expires_at")),
                rotated=not is_new(olds) and _rotates(olds, news),
                auto_named=olds.get("name") if "name_prefix" in olds else None,
                unknown=unknown,
            )
        except InvalidInputError as error:
            return _refused(news, error.failures)
        if inputs.adopt_key_id is not None:
            problem = self._adoptions.declare(inputs.adopt_key_id, olds)
            if problem is None and preview and is_new(olds):
                problem = self._announce(inputs.adopt_key_id, inputs, unknown)
            if problem:
                return _refused(news, [problem])
        normalised = _merged(_properties(inputs), unknown)
        named = _with_name(normalised, olds, preview=preview)
        # the program thinks of an explicit instance even where a transform has taken it away
        ids = _instance_ids(olds, news) if self._instance else {}
        return CheckResult(_sealed(named | ids), [])

    def diff(self, key_id: str, olds: Bag, news: Bag) -> DiffResult:
        """Compare what is declared with what is known of the key.

        ``changes=None`` lets the engine compare the inputs itself, and name the changed ones. No call is made, unless
        the provider instance is another one: it is asked whether it has this key.

        :raises AdoptionError: the replacement would adopt the very key that it is about to delete, or another
            resource has the key.
        """
        number = parse_key_id("id", key_id)
        moved = self._moved(number, olds, news)
        # where the provider changed, the engine would merely note it, and look for the key in another account
        replaces = ["provider"] if moved else _replaces(number, olds, news)
        if replaces and news.get("adopt_key_id") == number:
            raise AdoptionError(
                f"{replaces[0]} changed, but adopt_key_id {key_id} would adopt again the very key that the "
                "replacement deletes: remove adopt_key_id"
            )
        if moved:
            return DiffResult(changes=True, replaces=replaces)
        self._adoptions.keep(number, olds, news, stays=not replaces)
        self._warn_if_expired(key_id, read_instant(news.get("expires_at")))
        changed = any(_differs(name, olds.get(name), news.get(name)) for name in _INPUTS)
        return DiffResult(changes=None if changed else False, replaces=replaces)

    def create(self, props: Bag) -> CreateResult:
        """Make the key, or adopt it."""
        inputs = _inputs(props)
        if inputs.adopt_key_id is None:
            created = self._keys.make(inputs)
            self._adoptions.make(created.id)
            outputs = self._outputs(created, inputs, props, created.key.get_secret_value())
            return CreateResult(str(created.id), outputs)
        self._adoptions.claim(inputs.adopt_key_id)
        adopted = self._keys.adopt(inputs.adopt_key_id, inputs)
        outputs = self._outputs(adopted, inputs, props, _plaintext(inputs))
        return CreateResult(str(adopted.id), outputs | self._adoptions.adopt(adopted.id, outputs))

    def read(self, key_id: str, props: Bag) -> ReadResult:
        """A refresh, or ``ApiKey.get``: the key as it is now, with the plaintext that the state has.

        "Gone" is said only where the API itself says so.
        """
        key = self._keys.read(parse_key_id("id", key_id))
        refreshing = "key_id" in props  # the engine gives no outputs to ApiKey.get
        external = not refreshing or bool(props.get(_EXTERNAL))
        if key is None and not refreshing:
            raise NotFoundError(f"the account has no key {key_id}", status=404)
        if key is None and props.get(_INSTANCE, "") != self._instance.get(_INSTANCE, ""):
            raise ConfigurationError(
                f"the account has no key {key_id}, but another provider made the key, and its account may have it: "
                "run `pulumi up`, which asks, or `pulumi state delete` if the key is gone"
            )
        if key is None:
            return ReadResult("", {})
        _require_same_key(key, read_instant(props.get("created_at")))
        if refreshing:
            self._adoptions.refresh(key.id)
        inputs = _on_server(key) | _kept(props, *_DECLARED_ONLY, INSTANCE_ID)
        outputs = inputs | _facts(key, props.get("key")) | self._instance | _kept(props, ADOPTION)
        if external:  # no inputs, not even after a refresh: the next preview would show that they go
            return ReadResult(key_id, _sealed(outputs) | {_EXTERNAL: True})
        return ReadResult(key_id, _sealed(outputs), _sealed(inputs))

    def update(self, key_id: str, olds: Bag, news: Bag) -> UpdateResult:
        """One PATCH with just what changed; the plaintext is carried forward."""
        wanted = _inputs(news)
        before = _known_key(parse_key_id("id", key_id), olds)
        changes = differences(before, wanted)
        key = self._keys.change(before.id, changes) if changes else before
        _require_same_key(key, before.created_at, "; it has been changed there")
        made_here = "adopt_key" not in olds and olds.get("key")
        plaintext = made_here or _plaintext(wanted) or olds.get("key")
        token = _kept(olds, ADOPTION)
        if not token and before.id in (olds.get("adopt_key_id"), wanted.adopt_key_id):
            token = self._adoptions.adopt(before.id, olds)
        return UpdateResult(self._outputs(key, wanted, news, plaintext) | token)

    def delete(self, key_id: str, outputs: Bag) -> None:
        """Delete the key, unless another resource of this stack keeps it."""
        number = parse_key_id("id", key_id)
        if self._adoptions.may_delete(number, outputs):
            self._keys.delete(number)
        else:
            _log.warning("key %s is kept: adopt_key_id gave it to another resource of this stack", key_id)

    def _outputs(
        self, key: Key | KnownKey, inputs: ApiKeyInputs, props: Bag, plaintext: str | None
    ) -> dict[str, Any]:
        declared_only = _kept(_properties(inputs), *_DECLARED_ONLY)
        instance = self._instance | _kept(props, INSTANCE_ID)
        return _sealed(_on_server(key) | declared_only | _facts(key, plaintext) | instance)

    def _announce(self, key_id: int, wanted: ApiKeyInputs, unknown: Bag) -> str | None:
        """Say what an adoption will change, which the preview of a creation does not show; returns why it cannot be."""
        key = self._keys.read(key_id)
        if key is None:
            return f"adopt_key_id {key_id}: the account has no such key"
        before, after = _on_server(key), _on_server(wanted)
        for name in _SERVER:
            if name in unknown:
                _log.warning("adopt_key_id %d: %s %s => not known yet", key_id, name, _told(name, before))
            elif _differs(name, before.get(name), after.get(name)):
                _log.warning(
                    "adopt_key_id %d: %s %s => %s", key_id, name, _told(name, before), _told(name, after)
                )
        return None

    def _warn_if_expired(self, key_id: str, expires_at: datetime | None) -> None:
        """Say once that a key cannot be used any more: nothing of it has changed, so nothing else would."""
        if expires_at and expires_at <= utc_now() and key_id not in self._expired:
            self._expired.add(key_id)
            _log.warning(
                "key %s expired at %s: change expires_at, or remove it",
                key_id,
                format_instant(expires_at),
            )

    def _moved(self, key_id: int, olds: Bag, news: Bag) -> bool:
        """Whether the key is in another account than this one.

        An instance that has another name or id may still be the same account's, and an SDK may have dropped the
        output that named it: only the account can tell.
        """
        former, present = news.get(_FORMER_INSTANCE_ID, olds.get(INSTANCE_ID)), news.get(INSTANCE_ID)
        same_name = olds.get(_INSTANCE, "") == self._instance.get(_INSTANCE, "")
        same_id = None in (former, present) or former == present  # what is not known yet equals nothing
        if same_name and same_id and not isinstance(present, Unknown):
            return False
        key, created_at = self._keys.read(key_id), read_instant(olds.get("created_at"))
        return key is None or not same_instant(key.created_at, created_at or key.created_at)


# --- bags to models and back -------------------------------------------------------------------------------


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


def _with_prefix(news: Bag, olds: Bag) -> Bag:
    """The inputs with the prefix that the key has: a default one is for a new key, whatever its resource is called."""
    return {**news, **_kept(olds, "name_prefix")} if news.get(DEFAULT_PREFIX) else news


def _with_name(inputs: dict[str, Any], olds: Bag, *, preview: bool) -> dict[str, Any]:
    """Inputs with a name: an auto-name keeps its digits until the key is replaced.

    A preview does not know a new one: the deployment would draw another, so showing one would be a lie.
    """
    prefix = inputs.get("name_prefix")
    if prefix is None or "name" in inputs:
        return inputs
    digits = None if _rotates(olds, inputs) else _digits(olds)
    if isinstance(prefix, Unknown) or (preview and not digits):
        return {**inputs, "name": UNKNOWN}
    return {**inputs, "name": prefix + digits if digits else auto_name(prefix)}


def _digits(olds: Bag) -> str | None:
    """The digits that auto-naming gave before, unless somebody has renamed the key since.

    What stands before them may be an older prefix: `ignore_changes` keeps the name while the prefix changes.
    """
    name, digits = olds.get("name"), str(olds.get("name"))[-SUFFIX_DIGITS:]
    auto_named = (
        isinstance(name, str) and isinstance(olds.get("name_prefix"), str) and is_auto_name(digits, "")
    )
    return digits if auto_named else None


def _instance_ids(olds: Bag, news: Bag) -> dict[str, Any]:
    """The provider instance's id, and the one that the resource had before if that was another."""
    former, present = olds.get(INSTANCE_ID), news.get(INSTANCE_ID)
    ids = {INSTANCE_ID: present, _FORMER_INSTANCE_ID: None if former == present else former}
    return {name: value for name, value in ids.items() if value is not None}


def _kept(bag: Bag, *names: str) -> dict[str, Any]:
    return {name: bag[name] for name in names if name in bag}


def _sealed(bag: Bag) -> dict[str, Any]:
    """The bag with its plaintexts as secrets."""
    sealed = {name: {**_SECRET, "value": bag[name]} for name in _PLAINTEXTS if isinstance(bag.get(name), str)}
    return {**bag, **sealed}


def _told(name: str, bag: Bag) -> str:
    """A property as people read it."""
    value = bag.get(name)
    if value is None:
        return "never" if name == "expires_at" else "none"
    return (
        repr(visible(value)) if name == "name" else str(value).lower() if name == "is_enabled" else str(value)
    )


def _inputs(props: Bag) -> ApiKeyInputs:
    """Inputs that `check` has passed; an expiry that has passed since then is the API's to refuse."""
    known, _ = _split(props)
    settled = read_instant(props.get("expires_at"))
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
        created_at=read_instant(olds.get("created_at")),
        expires_at=read_instant(olds.get("expires_at")),
        is_enabled=olds.get("is_enabled"),
        credit_limit=None if limit is None else Decimal(repr(limit)),
    )


def _replaces(key_id: int, olds: Bag, news: Bag) -> list[str]:
    """What cannot be changed in place: a rotation makes a new key, and so does the adoption of another one."""
    adopts = news.get("adopt_key_id")
    found = {
        "rotation_triggers": _rotates(olds, news),
        "adopt_key_id": adopts is not None and adopts != key_id,
    }
    return [name for name, replaced in found.items() if replaced]


def _rotates(olds: Bag, news: Bag) -> bool:
    return _differs("rotation_triggers", olds.get("rotation_triggers"), news.get("rotation_triggers"))


def _differs(name: str, old: Any, new: Any) -> bool:
    if name == "expires_at" and isinstance(old, str) and isinstance(new, str):
        return not same_instant(read_instant(old), read_instant(new))
    if name == "rotation_triggers":
        return bool((old or {}) != (new or {}))
    return bool(old != new)


def _require_same_key(key: Key | KnownKey, created_at: datetime | None, what_was_done: str = "") -> None:
    """Ids are small numbers: another account has the same ones."""
    if key.created_at and created_at and not same_instant(key.created_at, created_at):
        raise ConfigurationError(
            f"key {key.id} was made at {format_instant(key.created_at)}, but the state's at "
            f"{format_instant(created_at)}: the endpoint or the provisioning key is that of another account"
            f"{what_was_done}"
        )
