"""Run Pulumi programs that declare API keys with no Pulumi CLI, against an endpoint on this machine."""

from .engine import Diagnostic, LocalEngine, Result, StepResult
from .project import ProjectError
from .secrets import PassphraseError
from .state import StateError

__all__ = [
    "Diagnostic",
    "LocalEngine",
    "PassphraseError",
    "ProjectError",
    "Result",
    "StateError",
    "StepResult",
]
