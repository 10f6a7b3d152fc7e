"""Names of keys: how long one may be, and how an auto-name is made."""

from __future__ import annotations

import secrets

__all__ = [
    "MAX_NAME",
    "MAX_NAME_PREFIX",
    "MAX_ROTATING_NAME",
    "MAX_ROTATING_NAME_PREFIX",
    "SUFFIX_DIGITS",
    "auto_name",
    "digits_of",
    "is_auto_name",
]

#: the most characters that the API admits
MAX_NAME = 255
#: what auto-naming adds to a prefix: seven random hex digits, as Pulumi does
SUFFIX_DIGITS = 7
MAX_NAME_PREFIX = MAX_NAME - SUFFIX_DIGITS
#: a generation adds a hyphen and its number, which has at most twelve digits: the calendar has fewer seconds
MAX_ROTATING_NAME = MAX_NAME - 13
MAX_ROTATING_NAME_PREFIX = MAX_ROTATING_NAME - SUFFIX_DIGITS


def auto_name(prefix: str) -> str:
    """A new name that no other key has: the prefix and seven random hex digits."""
    return prefix + secrets.token_hex(SUFFIX_DIGITS)[:SUFFIX_DIGITS]


def is_auto_name(name: str, prefix: str) -> bool:
    """Whether `auto_name` can have made this name from this prefix."""
    digits = name.removeprefix(prefix)
    return name.startswith(prefix) and len(digits) == SUFFIX_DIGITS and not digits.strip("0123456789abcdef")


def digits_of(name: object, prefix: object) -> str | None:
    """The digits that auto-naming gave to a name; None if it made no name, or the name has changed since.

    The text before them may be an older prefix: `ignore_changes` keeps the name while the prefix changes.
    """
    if not isinstance(name, str) or not isinstance(prefix, str):
        return None
    return digits if is_auto_name(digits := name[-SUFFIX_DIGITS:], "") else None
