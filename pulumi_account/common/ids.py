"""Ids of keys, as programs, the engine and the shell write them."""

from __future__ import annotations

import re

from pulumi_account.exceptions import InvalidInputError

__all__ = ["LARGEST_ID", "parse_key_id"]

#: the largest id of a key: the largest signed integer of eight bytes
LARGEST_ID = 2**63 - 1
#: a stack reference turns a number into the text of a float
_ID = re.compile(r"([0-9]{1,19})(\.0)?")


def parse_key_id(name: str, value: object) -> int:
    """Parse the id of a key: a whole number, also as a float, like all of the engine's numbers, or as text.

    :raises InvalidInputError: the value is not an id. The message does not quote it: it may be a plaintext.
    """
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, str) and (found := _ID.fullmatch(number)):
        number = int(found[1])
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_ID:
        raise InvalidInputError([f"{name} must be the id of a key, a whole number"])
    return number
