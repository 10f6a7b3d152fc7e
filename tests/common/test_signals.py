"""Signals that interrupt a long run."""

from __future__ import annotations

import math
import signal
import threading
import time

import pytest

from pulumi_account.common.signals import interrupted_by_signals, sleep

NUMBERS = (signal.SIGINT, signal.SIGTERM)


def sleep_through(number: int) -> None:
    """Sleep forever, in the block, while a signal arrives."""
    with interrupted_by_signals():
        signal.raise_signal(number)
        sleep(math.inf)


@pytest.mark.parametrize("number", NUMBERS)
def test_both_signals_interrupt(number: int) -> None:
    """Either signal ends a sleep that has no end, and the handlers are restored."""
    before = [signal.getsignal(number) for number in NUMBERS]
    with pytest.raises(KeyboardInterrupt):
        sleep_through(number)
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_an_ignored_sigint_interrupts() -> None:
    """A background job of a shell starts with SIGINT ignored; the block handles it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            sleep_through(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_no_handler() -> None:
    """Only the main thread can handle signals; in another one the block runs as it is."""
    ran = []

    def run() -> None:
        with interrupted_by_signals():
            ran.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [signal.getsignal(signal.SIGTERM)]


def test_a_sleep_has_its_length() -> None:
    """A sleep lasts as long as asked, and one of no seconds returns at once."""
    mark = time.monotonic()
    sleep(0)
    sleep(0.05)
    assert 0.05 <= time.monotonic() - mark < 10
