"""Provider instances: whose account a key is in."""

from __future__ import annotations

import pytest

from pulumi_account.core.resource import Diff
from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import (
    AdoptionError,
    ConfigurationError,
)
from tests.support.front_end import UNKNOWN, FrontEnd
from tests.support.helpers import EXACT, made


def test_a_key_of_another_instance_is_replaced(resource: FrontEnd, another: Emulator) -> None:
    """A resource that is given another account's provider instance gets a new key there."""
    key_id, inputs, outs = made(resource)
    with FrontEnd(another, "eu") as eu:
        assert eu.diff(key_id, outs, inputs) == Diff(replaces=["provider"], moved=True)
        with pytest.raises(AdoptionError, match=r"provider changed.*remove adopt_key_id$"):
            eu.diff(key_id, outs, {**inputs, "adopt_key_id": float(key_id)})


def test_an_instance_is_known_by_its_name(emulator: Emulator) -> None:
    """The outputs name the instance, as they do in users' states, and then no call is made."""
    with FrontEnd(emulator, "eu") as eu:
        key_id, inputs, outs = made(eu)
        assert outs["__instance"] == "eu"
        assert eu.diff(key_id, outs, inputs) == Diff()
        assert eu.found(key_id, outs).outputs == outs
    assert emulator.calls.operations == ["create_key", "update_key", "get_key"]


IDS = {"__instance_id": "5b1f"}


def test_a_key_of_another_instance_of_the_same_name_is_replaced(
    emulator: Emulator, another: Emulator
) -> None:
    """Two instances may bear one name under different parents: the ids that the engine gave them distinguish them."""
    with FrontEnd(emulator, "eu") as one:
        key_id, inputs, outs = made(one, **EXACT, **IDS)
    with FrontEnd(another, "eu") as other:
        news, _ = other.check({**EXACT, "__instance_id": "77c0"}, inputs)
        assert other.diff(key_id, outs, news) == Diff(replaces=["provider"], moved=True)


def test_old_inputs_tell_of_another_instance_of_the_same_name(emulator: Emulator, another: Emulator) -> None:
    """The same where outputs hold no id: an unchanged deployment since has put it into the inputs."""
    with FrontEnd(emulator, "eu") as one:
        key_id, inputs, outs = made(one)
        inputs, _ = one.check({**EXACT, **IDS}, inputs)
        assert one.diff(key_id, outs, inputs) == Diff()
    with FrontEnd(another, "eu") as other:
        news, _ = other.check({**EXACT, "__instance_id": "77c0"}, inputs)
        assert other.diff(key_id, outs, news) == Diff(replaces=["provider"], moved=True)


def test_an_instance_that_is_not_there_yet_is_asked(emulator: Emulator, another: Emulator) -> None:
    """The preview of a new instance, whose id is not known yet, says already that the key is replaced."""
    with FrontEnd(emulator, "eu") as one:
        key_id, inputs, outs = made(one)
    with FrontEnd(another, "eu") as other:
        news, _ = other.check({**EXACT, "__instance_id": UNKNOWN}, inputs)
        assert other.diff(key_id, outs, news) == Diff(replaces=["provider"], moved=True)


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ({"__instance": "eu"}, {}),
        ({"__instance": "eu", **IDS}, IDS),
        ({"__instance": "eu", **IDS}, {"__instance_id": "77c0"}),
        ({"__instance": "eu", **IDS}, {"__instance_id": UNKNOWN}),
        ({}, IDS),
        ({}, {}),
    ],
)
def test_another_name_of_an_instance_replaces_nothing(
    emulator: Emulator, former: dict[str, str], present: dict[str, str]
) -> None:
    """Whatever an instance is called now, and whatever an SDK has dropped, a key that its account has stays."""
    with FrontEnd(emulator, "europe") as europe:
        key_id, inputs, outs = made(europe)
        del outs["__instance"]
        news, _ = europe.check({**EXACT, **present}, inputs)
        assert europe.diff(key_id, {**outs, **former}, news) == Diff()


def test_a_refresh_by_another_instance_forgets_nothing(emulator: Emulator, another: Emulator) -> None:
    """`refresh --run-program` asks the account that the key is to move to: that has no such key, the other one has."""
    with FrontEnd(emulator, "eu") as eu:
        key_id, _, outs = made(eu)
    with (
        FrontEnd(another, "us") as us,
        pytest.raises(
            ConfigurationError,
            match=rf"the account has no key {key_id}, but another provider made",
        ),
    ):
        us.read(key_id, outs)


def test_an_instance_keeps_its_id_through_a_refresh(emulator: Emulator) -> None:
    """The id stands in the inputs and the outputs that a refresh returns."""
    with FrontEnd(emulator, "eu") as eu:
        key_id, _, outs = made(eu, **EXACT, **IDS)
        found = eu.found(key_id, outs)
    assert (found.inputs["__instance_id"], found.outputs["__instance_id"]) == ("5b1f", "5b1f")


def test_refresh_does_not_take_another_accounts_key(resource: FrontEnd, emulator: Emulator) -> None:
    """A key with the same id that was made at another instant is another account's: nothing is taken over."""
    key_id, _, outs = made(resource)
    with pytest.raises(ConfigurationError, match=rf"key {key_id} was made at .* another account$"):
        resource.read(key_id, {**outs, "created_at": "2020-01-01T00:00:00Z"})


def test_update_does_not_take_another_accounts_key(resource: FrontEnd) -> None:
    """The answer to a PATCH shows that it was another account's key: one line says so, and that the key is changed."""
    key_id, inputs, outs = made(resource)
    with pytest.raises(ConfigurationError, match=r".* another account; it has been changed there$"):
        resource.update(
            key_id, {**outs, "created_at": "2020-01-01T00:00:00Z"}, {**inputs, "credit_limit": 1.0}
        )
