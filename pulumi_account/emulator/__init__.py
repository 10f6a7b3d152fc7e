"""An emulator of the account API: a small server on SQLite that can fail on demand, for working offline.

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
    """Import `Emulator` on first use, so that the command can report a missing Starlette."""
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pulumi_account.emulator.emulator import Emulator

    return Emulator
