"""The programs on the pages run as they stand, and settle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.pages import Page
from tests.support.projects import Project as Bench

#: pages whose programs are run elsewhere are not here; LocalEngine has neither stack references nor policy packs
PROGRAMS = [
    pytest.param(text, id=f"{page}: {name}")
    for page in ("keys", "rotation", "deleting", "several-accounts", "functions", "rules")
    for name, text in Page(f"docs/{page}.md").files("python")
    if name not in ("consumer.py", "__main__.py")
]
CONFIG = {
    "blueTurn": "1",
    "greenTurn": "1",
    "inUse": "blue",
    "month": "2027-01",
    "turn": "1",
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A project, its account with a key that can be read and adopted, and a second account."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as emulator,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu,
    ):
        key_id, _ = emulator.add("legacy")
        emulator.add_usage(key_id, "large", requests=3, cost="0.50")
        bench = Bench("local", tmp_path, emulator)
        secrets = {"euProvisioningKey": OTHER_PROVISIONING_KEY, "legacyKey": "legacy-plaintext"}
        bench.options["secrets"] = {f"keys:{name}": value for name, value in secrets.items()}
        bench.options["config"] = {**CONFIG, "euEndpoint": eu.url}
        yield bench


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_runs_and_settles(bench: Bench, program: str) -> None:
    """The program deploys, and its next preview shows no change."""
    bench.write(program.replace("42", "1"), name="keys")
    config = bench.options["config"]
    result = bench.run("up", **config)
    assert result.ok, result.text
    assert set(bench.run("preview", **config).changes) <= {"same", "read"}
