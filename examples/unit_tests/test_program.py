"""Whole programs: LocalEngine runs the project as the CLI would, against an emulated account."""

from collections.abc import Callable
from pathlib import Path

from pulumi_account.emulator import Emulator
from pulumi_account.testing import LocalEngine

PROJECT = Path(__file__).parent


def test_up_settles(local_engine: Callable[..., LocalEngine], account_emulator: Emulator) -> None:
    engine = local_engine(PROJECT, config={"members": "ada,grace,linus"})
    first = engine.up()
    assert first.ok, first.text
    assert {key["name"] for key in account_emulator.keys()} == {"team-ada", "team-grace", "team-linus"}
    assert set(engine.preview().changes) == {"same"}
    assert engine.destroy().ok
    assert account_emulator.keys() == []


def test_keys_of_others_stay(local_engine: Callable[..., LocalEngine], used_account: Emulator) -> None:
    before = used_account.keys()
    engine = local_engine(PROJECT)
    assert engine.up().ok
    assert engine.destroy().ok
    assert used_account.keys() == before
