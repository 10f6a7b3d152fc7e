"""The state and the accounts that each release left behind: later code must work with them.

A folder is named after its release and holds the program, the state that it made (its secrets encrypted under
`PASSPHRASE`), and the keys of the two accounts. `python -m tests.golden` makes that of the current version.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pulumi_account.emulator import Emulator
from tests.support import ROOT
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY

HOME = Path(__file__).parent
PROGRAM = HOME / "program.py"
PASSPHRASE = "golden"
#: replaces the endpoint of the explicit provider in a kept state, as its port differs in every run
EU_ENDPOINT = "http://eu.invalid"
SECRETS = {
    "account:provisioningKey": PROVISIONING_KEY,
    "euProvisioningKey": OTHER_PROVISIONING_KEY,
    "adoptKey": PLAINTEXT,
}


def current_version() -> str:
    """The version in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert found
    return found[1]


def folders() -> list[Path]:
    """The kept releases."""
    return sorted(file.parent for file in HOME.glob("*/state.json"))


@dataclass
class Accounts:
    """The accounts of the program: the stack's, and the explicit provider's."""

    own: Emulator
    eu: Emulator

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of an engine that uses them."""
        env = {
            "ACCOUNT_ENDPOINT": self.own.url,
            "ACCOUNT_RETRY_DEADLINE": "0",
            "EU_ENDPOINT": self.eu.url,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }
        return {"env": env, "secrets": SECRETS}

    def keys(self) -> dict[str, Any]:
        """The keys of both as JSON."""
        return {"own": [_json(key) for key in self.own.keys()], "eu": [_json(key) for key in self.eu.keys()]}


@contextmanager
def accounts() -> Iterator[Accounts]:
    """Both accounts, empty."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as own,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu,
    ):
        yield Accounts(own, eu)


def write(folder: Path, state: dict[str, Any], accounts: Accounts) -> None:
    """Keep what the program in the folder has made."""
    text = json.dumps(state, indent=1, ensure_ascii=False)
    (folder / "state.json").write_text(text.replace(accounts.eu.url, EU_ENDPOINT) + "\n", encoding="utf-8")
    (folder / "account.json").write_text(
        json.dumps(accounts.keys(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def restore(folder: Path, project: Path, accounts: Accounts) -> dict[str, Any]:
    """Put the program into an empty folder and the keys into empty accounts; returns the state."""
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(folder / name, project)
    keys = json.loads((folder / "account.json").read_text(encoding="utf-8"))
    _fill(accounts.own, keys["own"])
    _fill(accounts.eu, keys["eu"])
    text = (folder / "state.json").read_text(encoding="utf-8").replace(EU_ENDPOINT, accounts.eu.url)
    state: dict[str, Any] = json.loads(text)
    return state


def _json(key: dict[str, Any]) -> dict[str, Any]:
    """A key of the emulator: money as exact text, instants as ISO 8601."""
    texts = {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in key.items()
        if name in ("created_at", "expires_at", "credit_limit") and value is not None
    }
    return {**key, **texts}


def _fill(emulator: Emulator, keys: Iterable[dict[str, Any]]) -> None:
    for key in keys:
        given = {name: key[name] for name in ("name", "credit_limit", "expires_at", "is_enabled")}
        # ids count up: keys that are missing in between were deleted
        while (new := emulator.add(**given)[0]) < key["id"]:
            emulator.remove(new)
        assert new == key["id"]
        emulator.edit(new, created_at=key["created_at"])
