"""What a front end other than the dynamic provider needs of the core."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.api.retry import give_up_after
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.resource import KeyResource
from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.exceptions import AdoptionError, LeftoverError, ServerError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.front_end import FrontEnd
from tests.support.helpers import AUTO, EXACT, made


def test_64_threads_share_one_list(resource: FrontEnd, emulator: Emulator) -> None:
    """An engine that refreshes with 64 threads has three keys read one by one, and all others from one list."""
    states = [made(resource, name=f"key {number}") for number in range(70)]
    emulator.calls.clear()
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(lambda state: resource.found(state[0], state[2]), states))
    assert [key.outputs for key in found] == [outputs for _, _, outputs in states]
    assert Counter(emulator.calls.operations) == {"get_key": 3, "list_keys": 1}


def test_64_threads_make_64_keys(resource: FrontEnd, emulator: Emulator) -> None:
    """As many creations at once make as many keys, each with its own plaintext."""
    with ThreadPoolExecutor(64) as pool:
        keys = list(pool.map(lambda number: made(resource, name=f"key {number}"), range(64)))
    assert {key["id"] for key in emulator.keys()} == {int(key_id) for key_id, _, _ in keys}
    assert len({outputs["key"] for _, _, outputs in keys}) == 64


def test_a_diff_names_what_changes(resource: FrontEnd) -> None:
    """A front end with detailed diffs learns each input that changes, and which of them replace the key."""
    key_id, inputs, outputs = made(resource)
    changes = {"credit_limit": 1.0, "is_enabled": False, "rotation_triggers": {"q": "1"}}
    news, _ = resource.check({**EXACT, **changes}, inputs)
    diff = resource.diff(key_id, outputs, news)
    assert diff.changed == list(changes)
    assert diff.replaces == ["rotation_triggers"]


def test_a_create_that_got_half_way_gives_the_id(resource: FrontEnd, emulator: Emulator) -> None:
    """A key that was made, but neither finished nor withdrawn, has its id in the error, for a partial state."""
    for operation in ("update_key", "delete_key"):
        emulator.faults.add(Fault(Answer(403), operation=operation, times=None))
    inputs, _ = resource.check(EXACT)
    with pytest.raises(LeftoverError) as caught:
        resource.create(inputs)
    assert [key["id"] for key in emulator.keys()] == [caught.value.key_id]


def test_a_read_without_a_state_gives_inputs(resource: FrontEnd, emulator: Emulator) -> None:
    """An import gets the inputs that declare the key as it is: the next diff is empty."""
    key_id, _ = emulator.add("n", credit_limit="3.5")
    found = resource.found(str(key_id))
    assert found.inputs == {"name": "n", "credit_limit": 3.5, "is_enabled": True}
    assert resource.diff(str(key_id), found.outputs, found.inputs).changed == []


def test_an_engine_may_propose_the_name(emulator: Emulator) -> None:
    """Where the engine draws auto-names, so that previews know them, its name is used."""
    with FrontEnd(emulator) as resource:
        steps = KeyResource(Account(Keys(resource.client)))
        checked = steps.check({}, AUTO, preview=True, draw=lambda prefix: f"{prefix}from-the-engine")
    assert checked.inputs["name"] == "ci-from-the-engine"


def test_a_front_end_may_name_its_resources(resource: FrontEnd, emulator: Emulator) -> None:
    """An identity that the engine gives, such as a URN, stands for the resource that adopted a key."""
    key_id, _ = emulator.add("n")
    inputs, _ = resource.check({"name": "n", "adopt_key_id": key_id})
    steps = KeyResource(Account(Keys(resource.client)))
    adopted = steps.create(inputs, identity="urn:pulumi:dev::project::account:ApiKey::n")
    assert adopted.outputs["__adoption"] == "urn:pulumi:dev::project::account:ApiKey::n"
    steps.delete(str(key_id), {"created_at": adopted.outputs["created_at"]})
    assert emulator.key(key_id) is not None
    with pytest.raises(AdoptionError, match="already manages this key"):
        steps.create(inputs, identity="urn:pulumi:dev::project::account:ApiKey::other")


def test_an_engine_may_set_a_deadline(emulator: Emulator) -> None:
    """A create under a time-out makes one attempt of each call after its end, and leaves no key behind."""
    client = AccountClient(emulator.url, PROVISIONING_KEY)
    steps = KeyResource(Account(Keys(client)))
    inputs = steps.check({}, EXACT).inputs
    emulator.faults.add(Fault(Answer(503), operation="update_key", times=None))
    with client, give_up_after(0), pytest.raises(ServerError):
        steps.create(inputs)
    assert emulator.calls.operations == ["create_key", "update_key", "delete_key"]
    assert emulator.keys() == []


def test_a_deadline_is_that_of_one_thread(emulator: Emulator) -> None:
    """The calls of other threads are retried as before."""
    client = AccountClient(emulator.url, PROVISIONING_KEY)
    emulator.faults.add(Fault(Answer(503), operation="get_balance"))
    with client, give_up_after(0), ThreadPoolExecutor(1) as pool:
        pool.submit(client.get_balance).result()
    assert emulator.calls.operations == ["get_balance"] * 2
