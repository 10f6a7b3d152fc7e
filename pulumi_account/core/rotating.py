"""Check, diff, create, read, update and delete a rotating key: one resource, and a new key for each generation.

`check` draws the generation that is due, so a preview shows the rotation. `update` makes the new key first, and then
lets the old one expire when the overlap ends. An old key stays in the output ``retired`` until it is deleted.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pulumi_account.common.durations import format_duration, parse_duration
from pulumi_account.common.instants import format_instant, parse_instant, read_instant
from pulumi_account.common.money import to_number
from pulumi_account.core.account import Account, require_same_key
from pulumi_account.core.adoption import is_new
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import differences
from pulumi_account.core.naming import auto_name, digits_of
from pulumi_account.core.properties import (
    DEFAULT_PREFIX,
    INSTANCE_ID,
    ON_SERVER,
    Bag,
    KnownKey,
    differs,
    facts,
    kept,
    merged,
    of_server,
    split,
)
from pulumi_account.core.results import Checked, Created, Diff, ReadKey
from pulumi_account.core.retirement import (
    Retirement,
    announce,
    announce_revocation,
    delete_expired,
    retired_keys,
)
from pulumi_account.core.rotation import DEFAULT_OVERLAP, Schedule, declared_rotating, generation_name
from pulumi_account.exceptions import AccountError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key

__all__ = ["RotatingKeyResource"]

#: input: the instant at which `check` drew the generation, to which the next one is compared
DECIDED_AT = "decided_at"
#: input: a refresh has found that the current key was deleted elsewhere
LOST = "deleted_elsewhere"

#: the inputs that `check` draws from the clock and the schedule
_DRAWN = ("generation", "reason", DECIDED_AT)
#: the inputs that decide which generation is due
_DECIDING = ("every", "anchor", "rotate_now", "revoke")
_DECLARED_ONLY = (
    *("every", "overlap", "anchor", "rotate_now", "revoke", "name_prefix", "labels", "delete_guard"),
    *_DRAWN,
)
#: no program gives an expiry, but a run that was cut off may have set that of the current key
_INPUTS = (*ON_SERVER, *_DECLARED_ONLY)
_OF_CURRENT_KEY = ("key", "key_id", "created_at", "rotated_at")

_log = logging.getLogger(__name__)


class RotatingKeyResource:
    """The steps for the rotating keys of one account; safe for any number of threads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = account.keys

    def check(
        self, olds: Bag, news: Bag, *, preview: bool = False, draw: Callable[[str], object] = auto_name
    ) -> Checked:
        """Validate and normalize the inputs, and draw the generation that is due. Makes no call.

        :param olds: the current inputs of the resource; empty for a new one.
        :param preview: the first anchor is not known yet.
        :param draw: makes a new name from a prefix; returns an unknown in a preview that cannot know the name.
        """
        known, unknown = split(_as_declared(olds, news), self._account.is_unknown)
        # `ignore_changes` passes the old one
        is_frozen = known.pop("generation", None) is not None and not is_new(olds)
        for name in (*_DRAWN, LOST):
            known.pop(name, None)
        try:
            values = declared_rotating(known, unknown=unknown)
        except InvalidInputError as error:
            return Checked(dict(news), error.failures)
        is_first = "anchor" not in values and "anchor" not in unknown and "anchor" not in olds
        if is_first:
            values["anchor"] = self._account.clock().replace(microsecond=0)
        elif "anchor" not in unknown:
            values.setdefault("anchor", read_instant(olds.get("anchor")))
        if "overlap" not in values and "every" in values:
            values["overlap"] = min(DEFAULT_OVERLAP, values["every"])
        drawn = kept(olds, *_DRAWN) if is_frozen else self._draw(values, unknown, olds)
        checked = merged(_bag(values), unknown) | drawn
        checked["name"] = self._name(checked, olds, draw)
        if is_first and preview:
            checked["anchor"] = draw("")  # the deployment has a later one
        return Checked(checked | self._account.instance_ids(olds, news))

    def diff(self, _id: str, olds: Bag, news: Bag) -> Diff:
        """Compare. The only call is a GET if the provider instance has changed.

        :raises AdoptionError: another resource would adopt one of the keys.
        """
        if "key_id" in olds:
            current = int(olds["key_id"])
            if self._account.has_moved(current, olds, news):
                return Diff(replaces=["provider"], moved=True)
            if self._account.adoptions.keep(current, olds, {}, stays=True):
                return Diff([name for name in _INPUTS if differs(name, olds.get(name), news.get(name))])
        for entry in retired_keys(olds):
            self._account.adoptions.keep(entry["key_id"], {}, {}, stays=True)
        changed = [name for name in _INPUTS if differs(name, olds.get(name), news.get(name))]
        if "generation" in changed and _is_set_anew("revoke", olds, news):
            announce_revocation(olds)
            return Diff(changed)
        # `ignore_changes` may hide from the inputs that the current key was deleted elsewhere
        return Diff(changed, silent=announce(olds, self._account.clock()) or "key_id" not in olds)

    def create(self, props: Bag) -> Created:
        """Make the first key: POST and PATCH. The resource's id is not the key's."""
        made = self._keys.make(_wanted(props))
        self._account.adoptions.make(made.id)
        outputs = self._outputs(made, made.key.get_secret_value(), props) | {"retired": []}
        return Created(f"rotating-{secrets.token_hex(8)}", outputs)

    def read(self, _id: str, state: Bag) -> ReadKey:
        """The current key. If it was deleted elsewhere, the resource stays, and the next update makes a new key.

        :raises NotFoundError: no state has the resource.
        """
        if DECIDED_AT not in state:
            raise NotFoundError(
                "a rotating key cannot be read by its id: read its current key with ApiKey.get and key_id",
                status=404,
            )
        inputs = kept(state, *_INPUTS, INSTANCE_ID)
        if "key_id" not in state:
            return ReadKey(dict(state), inputs | {LOST: True})
        key_id = int(state["key_id"])
        key = self._keys.read(key_id)
        if key is None:
            self._account.may_be_gone(key_id, state)
            _log.warning("key %d was deleted elsewhere: the next `pulumi up` makes a new one", key_id)
            rest = {name: value for name, value in state.items() if name not in _OF_CURRENT_KEY}
            return ReadKey(rest, inputs | {LOST: True})
        require_same_key(key, read_instant(state.get("created_at")))
        self._account.adoptions.refresh(key_id)
        inputs = {name: value for name, value in inputs.items() if name not in ON_SERVER} | of_server(key)
        rest = {name: value for name, value in state.items() if name not in ON_SERVER}
        return ReadKey(rest | inputs, inputs)

    def update(self, _id: str, olds: Bag, news: Bag) -> dict[str, Any]:
        """Rotate if another generation is due, else PATCH the changed fields; and see to the retired keys.

        A rotation: GET of the old key, POST and PATCH of the new one, PATCH of the old one.
        """
        before = KnownKey.of(int(olds["key_id"]), olds) if "key_id" in olds else None
        retirement = Retirement(self._keys, olds, parse_duration(news["overlap"]))
        if before is None or olds.get("generation") != news["generation"]:
            return self._rotate(before, retirement, olds, news)
        changes = differences(before, _wanted(news))
        if "is_enabled" in changes:
            retirement.switch(news["is_enabled"])
        key = self._keys.change(before.id, changes) if changes else before
        require_same_key(key, before.created_at, "; it has been changed there")
        return self._outputs(key, olds.get("key"), news) | retirement.outputs

    def delete(self, _id: str, outputs: Bag) -> None:
        """Delete the retired keys, and then the current one.

        :raises KeyInUseError: the ``delete_guard`` does not allow it; then no key that still works is deleted.
        """
        living = delete_expired(self._keys, outputs)
        if "key_id" in outputs:
            living.append((int(outputs["key_id"]), str(outputs.get("name"))))
        self._account.delete(living, outputs)

    def _rotate(
        self, before: KnownKey | None, retirement: Retirement, olds: Bag, news: Bag
    ) -> dict[str, Any]:
        """Make the new key, and retire the old one, or delete all older ones if they are revoked."""
        old = self._keys.look(before.id) if before else None
        if old and before:
            require_same_key(old, before.created_at)
        if olds.get("is_enabled") != news["is_enabled"]:
            retirement.switch(news["is_enabled"], [old.id] if old else [])
        made = self._keys.make(_wanted(news))
        self._account.adoptions.make(made.id)
        is_revoked = _is_set_anew("revoke", olds, news)
        if is_revoked:
            retirement.revoke(old)
        elif old:
            retirement.add(old)
        try:
            self._keys.confirm(made)
        except AccountError:
            # the state will still hold the old key, so it must not expire
            if old and not is_revoked:
                self._keys.change(old.id, {"expires_at": old.expires_at})
            raise
        return self._outputs(made, made.key.get_secret_value(), news) | retirement.outputs

    def _outputs(self, key: Key | KnownKey, plaintext: str | None, props: Bag) -> dict[str, Any]:
        schedule = Schedule(parse_instant(props["anchor"]), parse_duration(props["every"]))
        made_at = {} if key.created_at is None else {"rotated_at": format_instant(key.created_at)}
        return {
            **kept(props, *_DECLARED_ONLY, INSTANCE_ID),
            **of_server(key),
            **facts(key, plaintext),
            **made_at,
            "generation": int(props["generation"]),
            "next_rotation_at": format_instant(schedule.due_after(_decided_at(props, schedule))),
            **self._account.instance,
        }

    def _draw(self, values: Bag, unknown: Bag, olds: Bag) -> dict[str, Any]:
        """The current generation, or the one that is due, and the reason for it."""
        undecided = next((unknown[name] for name in _DECIDING if name in unknown), None)
        if undecided is not None:
            return {**kept(olds, DECIDED_AT), "generation": undecided, "reason": undecided}
        now, schedule = self._account.clock(), Schedule(values["anchor"], values["every"])
        due = schedule.generation(now)
        if is_new(olds):
            return {"generation": due, "reason": "first key", DECIDED_AT: format_instant(now)}
        reason = _reason(values, olds, schedule, now)
        if reason is None:
            return kept(olds, *_DRAWN)
        generation = max(int(olds["generation"]) + 1, due)
        return {"generation": generation, "reason": reason, DECIDED_AT: format_instant(now)}

    def _name(self, checked: Bag, olds: Bag, draw: Callable[[str], object]) -> object:
        """The name with the generation in it; unknown if one of them is. An auto-name keeps its digits until then."""
        stem, generation = checked.get("name", checked.get("name_prefix")), checked["generation"]
        for part in (stem, generation):
            if self._account.is_unknown(part):
                return part
        if "name" in checked:
            return generation_name(str(stem), int(generation))
        begin = f"{stem}{int(generation)}-"
        stays = generation == olds.get("generation")
        digits = digits_of(olds.get("name"), olds.get("name_prefix")) if stays else None
        return begin + digits if digits else draw(begin)


def _as_declared(olds: Bag, news: Bag) -> Bag:
    """The inputs as the program gives them, which ignored changes and a renamed resource hide."""
    if news.get(DEFAULT_PREFIX):  # the prefix of an existing resource stays
        return {**news, **kept(olds, "name_prefix")}
    if "name" not in news or news["name"] != olds.get("name"):
        return news
    # `ignore_changes` passes the old name, which has the generation in it
    if news.get("name_prefix") is not None:
        return {name: value for name, value in news.items() if name != "name"}
    return {**news, "name": str(news["name"]).removesuffix(generation_name("", int(olds["generation"])))}


def _reason(values: Bag, olds: Bag, schedule: Schedule, now: datetime) -> str | None:
    """Why another generation is due, and since when; None if none is."""
    if olds.get(LOST):
        return "the key was deleted elsewhere"
    for name in ("revoke", "rotate_now"):
        if _is_set_anew(name, olds, values):
            return f"{name} changed"
    decided_at = _decided_at(olds, schedule)
    if schedule.generation(now) <= schedule.generation(decided_at):
        return None
    return f"due since {format_instant(schedule.due_after(decided_at))}"


def _is_set_anew(name: str, olds: Bag, news: Bag) -> bool:
    return news.get(name) is not None and news[name] != olds.get(name)


def _decided_at(bag: Bag, schedule: Schedule) -> datetime:
    """When the generation was drawn; without that instant, when it was due."""
    return read_instant(bag.get(DECIDED_AT)) or schedule.due(int(bag["generation"]))


def _wanted(props: Bag) -> ApiKeyInputs:
    """The key that inputs from `check` declare."""
    key = KnownKey.of(0, props)
    return ApiKeyInputs(name=key.name, credit_limit=key.credit_limit, is_enabled=bool(key.is_enabled))


def _bag(values: Bag) -> dict[str, Any]:
    """The declared values, as a state holds them."""
    durations = {
        name: format_duration(values[name]) for name in ("every", "overlap", "delete_guard") if name in values
    }
    texts = {"anchor": format_instant(values["anchor"])} if "anchor" in values else {}
    amounts = {"credit_limit": to_number(values["credit_limit"])} if "credit_limit" in values else {}
    labels = {"labels": None} if not values.get("labels") else {}
    bag = {**values, **durations, **texts, **amounts, **labels}
    return {name: value for name, value in bag.items() if value is not None}
