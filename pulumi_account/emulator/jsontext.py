"""JSON with exact numbers: what the standard library reads and writes as floats stays decimal here."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn


class NotJsonError(ValueError):
    """The text is no JSON document."""


def loads(text: bytes) -> Any:
    """Read JSON; numbers with a fraction or an exponent become `Decimal`.

    Raises:
        NotJsonError: also for `NaN` and `Infinity`, for numbers no decimal can hold, and for absurd nesting.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise NotJsonError("not a JSON document") from error


def dumps(value: Any) -> str:
    """Write JSON; a `Decimal` becomes a plain number, digit for digit."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, allow_nan=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
