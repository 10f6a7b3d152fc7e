"""Test Pulumi programs that declare API keys, without the Pulumi CLI and without an account.

`AccountMocks` is for unit tests under ``pulumi.runtime.set_mocks``; `LocalEngine` runs whole programs against an
endpoint on this machine. ``pytest_plugins = ["pulumi_account.testing.fixtures"]`` brings both as fixtures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_account.testing.engine import LocalEngine
    from pulumi_account.testing.mocks import AccountMocks
    from pulumi_account.testing.project import ProjectError
    from pulumi_account.testing.report import Diagnostic, Result, StepResult
    from pulumi_account.testing.secrets import PassphraseError
    from pulumi_account.testing.state import StateError

__all__ = [
    "AccountMocks",
    "Diagnostic",
    "LocalEngine",
    "PassphraseError",
    "ProjectError",
    "Result",
    "StateError",
    "StepResult",
]

#: loaded on first use: the program's process also starts from this package, and needs none of it
_HOMES = {
    "AccountMocks": "mocks",
    "LocalEngine": "engine",
    "PassphraseError": "secrets",
    "ProjectError": "project",
    "StateError": "state",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'report')}"), name)
