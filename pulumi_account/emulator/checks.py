"""Checks of what a test or a flag asks for."""

from __future__ import annotations


def require(condition: bool, message: str) -> None:
    """Raise `ValueError` with this message unless the condition holds."""
    if not condition:
        raise ValueError(message)
