"""The runs that are killed: which program is deployed, which one runs, and which calls are held at the kill.

Several resources of one program are held at different steps at once; four at most, as a provider works on no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pulumi_account.core.naming import is_auto_name
from pulumi_account.emulator import Answer, Drop, Fault, Hang

PROVIDER, ENGINE, ENGINE_ALONE, INTERRUPT, TWO_INTERRUPTS = KILLS = (
    "the provider is killed",
    "engine and provider are killed",
    "the engine is killed, the provider goes on",
    "one interrupt",
    "two interrupts",
)
_EXACT = "key-{}"


class Want(NamedTuple):
    """A key that the program declares."""

    resource: str
    credit_limit: int
    trigger: str = "1"
    exact: bool = True
    adopts: bool = False  # a key that is there before, of the same name

    @property
    def name(self) -> str:
        """Its exact name."""
        return _EXACT.format(self.resource)

    def line(self, adoptable: tuple[int, str] | None) -> str:
        """The declaration; its plaintext is an output of the stack."""
        name = f'name="{self.name}", ' if self.exact else ""
        adopt = "adopt_key_id={}, adopt_key={!r}, ".format(*adoptable) if adoptable else ""
        return (
            f'k = account.ApiKey("{self.resource}", {name}{adopt}credit_limit={self.credit_limit}, '
            f'rotation_triggers={{"quarter": "{self.trigger}"}})\npulumi.export("{self.resource}", k.key)\n'
        )

    def is_met_by(self, key: Mapping[str, Any]) -> bool:
        """Whether this key is as declared."""
        named = key["name"] == self.name if self.exact else is_auto_name(key["name"], f"{self.resource}-")
        declared = {"credit_limit": self.credit_limit, "expires_at": None, "is_enabled": True}
        return named and declared.items() <= key.items()


class Held(NamedTuple):
    """A call that is held, before or after it is carried out."""

    operation: str
    carried_out: bool
    name: str = ""  # of the key, if the path contains its id
    leaves: str = (
        ""  # in the account, if its provider is killed: nothing, a "reservation" or a "key" as declared
    )

    def fault(self, ids: Mapping[str, int], moment: float | None) -> Fault:
        """The fault that holds it: for good, or for a moment, after which its response is lost."""
        path = f"/v1/account/keys/{ids[self.name]}" if self.name else None
        if moment and not self.carried_out:
            # the other fault for this operation hits the first call, and latencies would add to it
            return Fault(latency=moment, operation=self.operation, path=path, skip=0 if path else 1)
        action = Hang(moment, commit=self.carried_out)
        return Fault(action, operation=self.operation, path=path)


class Case(NamedTuple):
    """The deployed program, the program whose run is killed, and the calls that are held then.

    The prelude makes earlier calls fail, which are not held.
    """

    before: tuple[Any, ...]
    after: tuple[Any, ...]
    held: tuple[Held, ...]
    prelude: tuple[Fault, ...] = ()
    kills: tuple[str, ...] = KILLS


def _wants(resources: str, *args: Any, **more: Any) -> tuple[Want, ...]:
    return tuple(Want(resource, *args, **more) for resource in resources.split())


_FOUR = "one two three four"
_MAKING = (
    Held("create_key", carried_out=False),
    Held("create_key", carried_out=True, leaves="reservation"),
    Held("update_key", carried_out=False, leaves="reservation"),
    Held("update_key", carried_out=True, leaves="key"),
)
_LOST = (Fault(Drop(commit=True), operation="create_key", times=4),)
_REFUSED = (Fault(Answer(422), operation="update_key", times=2),)
#: Recoveries and withdrawals of a provider that lives on are met in the other cases: there, answers that were held are
#: lost, and a key that was made for an engine that has exited is deleted.
_DEADLY = (PROVIDER, ENGINE)


def _recovering(leaves: str) -> tuple[Held, ...]:
    """After the response to a POST is lost, the provider lists the keys, and deletes the one that it made."""
    return (
        Held("list_keys", carried_out=False, leaves=leaves),
        Held("list_keys", carried_out=True, leaves=leaves),
        Held("delete_key", carried_out=False, leaves=leaves),
        Held("delete_key", carried_out=True),
    )


class Generation(NamedTuple):
    """A rotating key that the program declares; another text rotates it."""

    resource: str
    rotate_now: str
    adopts: bool = False

    @property
    def name(self) -> str:
        """The beginning of its name."""
        return _EXACT.format(self.resource)

    def line(self, _adoptable: object) -> str:
        """The declaration; its plaintext is an output of the stack."""
        return (
            f'k = account.RotatingApiKey("{self.resource}", name="{self.name}", every="30d", overlap="2d", '
            f'rotate_now="{self.rotate_now}")\npulumi.export("{self.resource}", k.key)\n'
        )


def _rotating(operation: str, *, carried_out: bool, name: str = "") -> Case:
    before, after = (Generation("one", text) for text in "12")
    return Case((before,), (after,), (Held(operation, carried_out, name),))


#: each call of a rotation
ROTATIONS = {
    "rotate: GET": _rotating("get_key", carried_out=True),
    "rotate: POST": _rotating("create_key", carried_out=True),
    "rotate: PATCH of the new key": _rotating("update_key", carried_out=True),
    "rotate: PATCH of the old key, before": _rotating("update_key", carried_out=False, name="key-one-0"),
    "rotate: PATCH of the old key, after": _rotating("update_key", carried_out=True, name="key-one-0"),
}

CASES = {
    **ROTATIONS,
    "create": Case((), _wants(_FOUR, 5), _MAKING),
    "create auto-named, update": Case(
        _wants("one two", 5),
        (*_wants("one two", 7), *_wants("three four", 5, exact=False)),
        (
            Held("create_key", carried_out=False),
            Held("create_key", carried_out=True, leaves="key"),
            Held("update_key", carried_out=False, name="key-one"),
            Held("update_key", carried_out=True, name="key-two"),
        ),
    ),
    "replace": Case(_wants(_FOUR, 5), _wants(_FOUR, 7, "2"), _MAKING),
    "delete what was replaced or removed": Case(
        _wants(_FOUR, 5),
        _wants("one two", 7, "2"),
        (
            Held("delete_key", carried_out=False, name="key-one"),
            Held("delete_key", carried_out=True, name="key-two"),
            Held("delete_key", carried_out=False, name="key-three"),
            Held("delete_key", carried_out=True, name="key-four"),
        ),
    ),
    "recover": Case((), _wants(_FOUR, 5), _recovering("reservation"), _LOST, _DEADLY),
    "recover auto-named": Case((), _wants(_FOUR, 5, exact=False), _recovering("key"), _LOST, _DEADLY),
    "withdraw": Case(
        (),
        _wants("one two", 5),
        (
            Held("delete_key", carried_out=False, leaves="reservation"),
            Held("delete_key", carried_out=True),
        ),
        _REFUSED,
        _DEADLY,
    ),
    "adopt": Case(
        (),
        _wants("one two", 5, adopts=True),
        (
            Held("update_key", carried_out=False, name="key-one"),
            Held("update_key", carried_out=True, name="key-two"),
        ),
    ),
}
