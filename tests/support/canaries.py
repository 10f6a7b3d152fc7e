"""Credentials that must not appear anywhere, and how to look for them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import pulumi_account

#: the account's provisioning key in all tests
PROVISIONING_KEY = "prov-canary-0b6c1f7e"
#: a second account's
OTHER_PROVISIONING_KEY = "prov-canary-other-77aa"
#: a plaintext that a test declares
PLAINTEXT = "ng-canary-plaintext-5d0c2a"

_CREDENTIAL = re.compile(r"prov-canary-[\w-]+|ng-canary[\w-]*|\bng-[\w-]{43}")


_PACKAGE = str(Path(pulumi_account.__file__).parent)


def leaks(text: str) -> list[str]:
    """The credentials in a text; the emulator's plaintexts are recognized by their shape."""
    return _CREDENTIAL.findall(text)


def assert_clean(*texts: object) -> None:
    """Assert that these texts contain no credential."""
    for text in texts:
        assert not leaks(str(text)), f"a credential leaked: {text}"


def assert_forgotten(error: BaseException) -> None:
    """Assert that nothing reachable from an error contains a credential: no request, no header, no body.

    A debugger or a crash reporter goes that way: through what an error arose from, whatever ``from None`` says, and
    through the errors that the variables of this package still hold.
    """
    for reached in _reached(error):
        held = [*vars(reached).values(), *reached.args]
        assert_clean(str(reached), repr(reached), *map(repr, held), *traceback.format_exception(reached))
        strangers = {type(value).__module__.partition(".")[0] for value in [reached, *held]}
        assert not strangers & {"httpx", "httpcore", "h11", "pydantic_core"}, f"{reached!r} holds {strangers}"


def _reached(error: BaseException) -> Iterator[BaseException]:
    """The error, and all errors that can be reached from it."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__context__, found.__cause__, *found.args, *vars(found).values()]
        frames = [frame for frame, _ in traceback.walk_tb(found.__traceback__)]
        waiting += [
            value
            for frame in frames
            if frame.f_code.co_filename.startswith(_PACKAGE)
            for value in frame.f_locals.values()
        ]
