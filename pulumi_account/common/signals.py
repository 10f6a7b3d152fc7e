"""Running until SIGINT or SIGTERM arrives."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interrupted_by_signals", "sleep"]

#: seconds
_NAP = 0.5


@contextmanager
def interrupted_by_signals(*numbers: signal.Signals) -> Iterator[None]:
    """Make these signals, by default SIGINT and SIGTERM, raise KeyboardInterrupt in the block.

    SIGINT gets a handler too, because a shell's background jobs ignore it. Outside the main thread, which alone can
    handle signals, this does nothing.
    """
    is_main = threading.current_thread() is threading.main_thread()
    handled = (numbers or (signal.SIGINT, signal.SIGTERM)) if is_main else ()
    before = {number: signal.signal(number, signal.default_int_handler) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sleep(seconds: float) -> None:
    """Sleep in short naps: a signal that arrives just before a nap is handled after it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _NAP))
