"""The account API as a small server on SQLite, with faults on demand: everything runs offline against it.

    from pulumi_account.emulator import Drop, Emulator, Fault

    with Emulator(balance="125.50") as emulator:
        emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
        ...

On the command line: `python -m pulumi_account.emulator --help`. Needs `pulumi_account[emulator]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_account.emulator.calls import Call, Calls
from pulumi_account.emulator.clock import Clock
from pulumi_account.emulator.faults import Answer, Drip, Drop, Edit, Fault, Faults, HalfBody, Hang
from pulumi_account.emulator.store import StoreError
from pulumi_account.emulator.table import format_table

if TYPE_CHECKING:
    from pulumi_account.emulator.emulator import Emulator

__all__ = [
    "Answer",
    "Call",
    "Calls",
    "Clock",
    "Drip",
    "Drop",
    "Edit",
    "Emulator",
    "Fault",
    "Faults",
    "HalfBody",
    "Hang",
    "StoreError",
    "format_table",
]


def __getattr__(name: str) -> Any:
    """Import `Emulator` when it is asked for: the command must be able to say that Starlette is missing."""
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pulumi_account.emulator.emulator import Emulator

    return Emulator
