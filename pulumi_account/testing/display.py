"""What the user sees of a run: one line for each event, then diagnostics, outputs and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from .deploy import Step


class Display:
    def __init__(self, kind: str, stack: str, project: str, diff: bool, echo: TextIO | None) -> None:
        self.noun = {"preview": "preview", "up": "update"}.get(kind, kind)
        self._lines: list[str] = []
        self._echo = echo

    def _line(self, text: str) -> None:
        self._lines.append(text)
        if self._echo:
            print(text, file=self._echo, flush=True)

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        self._line(f"{severity} {urn} {message}")

    def starting(self, step: Step) -> None:
        self._line(f"> {step.op} {step.resource.urn}")

    def finished(self, step: Step) -> None:
        self._line(f"< {step.op} {step.resource.urn} {step.changed} {step.keys}")

    def failed(self, step: Step) -> None:
        self._line(f"! {step.op} {step.resource.urn}")

    def close(self, changes: Mapping[str, int], stack: Step | None, seconds: float) -> None:
        self._line(str(dict(changes)))

    def digest(self, config: Mapping[str, Any], changes: Mapping[str, int], seconds: float) -> dict[str, Any]:
        return {}

    def text(self) -> str:
        return "\n".join(self._lines)
