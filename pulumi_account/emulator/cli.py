"""The command line: `python -m pulumi_account.emulator`, and its `keys`, which prints the keys in a database."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from pulumi_account.emulator.clock import TIMESTAMP_STYLES
from pulumi_account.emulator.faults import OPERATIONS, Answer, Drip, Drop, Fault, Faults, HalfBody, Hang
from pulumi_account.emulator.store import MEMORY, Store, StoreError
from pulumi_account.emulator.table import format_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pulumi_account.emulator.emulator import Emulator
    from pulumi_account.emulator.faults import Action

__all__ = ["main", "parse"]

PROGRAM = "python -m pulumi_account.emulator"
KEY_VARIABLE = "ACCOUNT_PROVISIONING_KEY"

_CENTURY = 100 * 365 * 86400.0
#: seconds; a signal that arrives in another thread, or just before a nap, takes effect after the nap
_NAP = 1.0
#: the flags that are keywords of `Emulator`
_KEYWORDS = (
    "activity_cache",
    "balance",
    "clock_offset",
    "create_status",
    "db",
    "fractions",
    "host",
    "inference_key",
    "port",
    "rate_limit",
    "retry_after",
    "timestamps",
    "validation_status",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return show_keys(given[1:]) if given[:1] == ["keys"] else serve(given)
    except KeyboardInterrupt:
        return 0
    except (StoreError, sqlite3.Error, OSError, ValueError) as error:
        sys.stderr.write(f"error: {getattr(error, 'strerror', None) or error}\n")
        return 1


def show_keys(arguments: Sequence[str]) -> int:
    """Print the keys in a database as a table."""
    parser = argparse.ArgumentParser(
        f"{PROGRAM} keys", description="Print the keys in a database of the emulator.", allow_abbrev=False
    )
    parser.add_argument("--db", required=True, metavar="FILE", help="the SQLite file of the emulator")
    with closing(Store(parse(parser, arguments).db, must_exist=True)) as store:
        keys = [key.as_dict() for key in store.all_keys()]
    sys.stdout.write(format_table(keys) + "\n")
    return 0


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; an error names unknown flags but quotes no values, because a value may be a key."""
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        names = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        nameless = [f"{len(unknown) - len(names)} without a name"] if len(names) < len(unknown) else []
        parser.error(f"unknown arguments: {', '.join(names + nameless)}")
    return options


def serve(arguments: Sequence[str]) -> NoReturn:
    """Run the server until SIGINT or SIGTERM raises KeyboardInterrupt."""
    parser = server_parser()
    options = parse(parser, arguments)
    keys = options.provisioning_key or [os.environ.get(KEY_VARIABLE, "")]
    if not all(keys):
        parser.error(f"no provisioning key: use --provisioning-key or set {KEY_VARIABLE}")
    emulator = _emulator(options, keys)
    with _interrupted_by_signals(), emulator:
        if options.demo and not emulator.keys():
            from pulumi_account.emulator.demo import fill

            fill(emulator)
            if options.balance is not None:
                emulator.balance = options.balance
        sys.stdout.write(f"Listening on {emulator.url}\n")
        sys.stdout.flush()
        while True:
            time.sleep(_NAP)


def _emulator(options: argparse.Namespace, keys: list[str]) -> Emulator:
    try:
        from pulumi_account.emulator.emulator import Emulator
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is missing: pip install 'pulumi_account[emulator]'") from error
    keywords: dict[str, Any] = {name: getattr(options, name) for name in _KEYWORDS}
    return Emulator(provisioning_key=keys, faults=faults_of(options), record_calls=False, **keywords)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, and SIGINT also in a background job, where the shell disables it."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.default_int_handler) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def server_parser() -> argparse.ArgumentParser:
    """The flags of the server."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Serve the account API on a loopback port, for working offline.",
        epilog=f"'{PROGRAM} keys --db FILE' prints the keys in a database.",
        allow_abbrev=False,  # an error about an abbreviation would quote its value
    )
    _add_server_flags(parser)
    _add_silent_flags(parser.add_argument_group("where the API's documentation is silent"))
    _add_fault_flags(parser.add_argument_group("faults", "P is a probability from 0 to 1, for each call"))
    return parser


def _add_server_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s); others are refused")
    add(
        "--port",
        type=_number(0, 65535, "a port must be from 0 to 65535", int),
        default=8000,
        help="0 selects a free one (default: %(default)s)",
    )
    add("--db", default=MEMORY, metavar="FILE", help="a SQLite file that keeps the account (default: memory)")
    add(
        "--provisioning-key",
        action="append",
        metavar="KEY",
        help=f"the key that manages the account; can be repeated (default: ${KEY_VARIABLE})",
    )
    add(
        "--inference-key",
        action="append",
        default=[],
        metavar="KEY",
        help="a key to refuse as an inference key, like those that the emulator issues; can be repeated",
    )
    add("--balance", metavar="USD", help="the account's balance (default: the database's, or 100.00)")
    add(
        "--demo",
        action="store_true",
        help="fill an account without keys: with keys, thirty days of activity and a balance",
    )


def _add_silent_flags(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--create-status", type=int, choices=(200, 201), default=201, help="of POST (default: %(default)s)")
    add(
        "--validation-status",
        type=int,
        choices=(422, 400),
        default=422,
        help="of an invalid value (default: %(default)s)",
    )
    add("--timestamps", choices=TIMESTAMP_STYLES, default="naive", help="how instants are written")
    add("--no-fractions", dest="fractions", action="store_false", help="write instants in whole seconds")
    add(
        "--clock-offset",
        type=_number(-_CENTURY, _CENTURY, "the clock's offset must be at most a century"),
        default=0.0,
        metavar="SECONDS",
        help="how far the server's clock runs ahead (default: 0)",
    )
    add(
        "--activity-cache",
        type=_time,
        default=300.0,
        metavar="SECONDS",
        help="how long the activity is cached; 0 disables the cache (default: 300)",
    )
    add(
        "--rate-limit",
        type=float,
        metavar="N",
        help="requests per second; others are refused with status 429",
    )


def _add_fault_flags(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--latency", type=_time, default=0.0, metavar="MS", help="milliseconds to add to every call")
    add(
        "--fail",
        type=failure,
        action="append",
        default=[],
        metavar="STATUS[:P]",
        help="answer with this error, without effect; can be repeated",
    )
    add("--retry-after", type=int, metavar="SECONDS", help="send Retry-After with --fail and --rate-limit")
    for flag, (_, text) in _ACCIDENTS.items():
        add(flag, type=_probability, default=0.0, metavar="P", help=text)
    add("--only", choices=OPERATIONS, metavar="OPERATION", help=f"one of {', '.join(OPERATIONS)}")
    add("--seed", type=int, help="make the faults repeatable")


_ACCIDENTS: dict[str, tuple[Action, str]] = {
    "--drop": (Drop(), "cut the connection, without effect"),
    "--commit-then-drop": (Drop(commit=True), "execute the call, then cut the connection"),
    "--half-body": (HalfBody(), "execute the call, send half of the answer, cut the connection"),
    "--drip": (Drip(), "execute the call, send the answer at one byte per second"),
    "--hang": (Hang(), "send nothing, without effect, until the client gives up"),
    "--commit-then-hang": (Hang(commit=True), "execute the call, then send nothing"),
    "--garbage": (
        Answer(200, body="garbage", commit=True),
        "execute the call, then answer with status 200 and invalid JSON",
    ),
}


def faults_of(options: argparse.Namespace) -> Faults:
    """The faults that the flags ask for."""
    faults = Faults(seed=options.seed)
    if options.latency:
        faults.add(Fault(latency=options.latency / 1000, operation=options.only, times=None))
    for status, probability in options.fail:
        failure = Answer(status, retry_after=options.retry_after)
        faults.add(Fault(failure, operation=options.only, times=None, probability=probability))
    for flag, (accident, _) in _ACCIDENTS.items():
        probability = getattr(options, flag[2:].replace("-", "_"))
        if probability:
            faults.add(Fault(accident, operation=options.only, times=None, probability=probability))
    return faults


def _number(
    least: float, most: float, rule: str, kind: Callable[[str], float] = float
) -> Callable[[str], float]:
    """A type of argument: a number in a range."""

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(rule)
        return value

    return number


_probability = _number(0, 1, "a probability must be from 0 to 1")
_time = _number(0, _CENTURY, "a time must be from 0 to a century")


def failure(text: str) -> tuple[int, float]:
    """A type of argument: the status of an error, and its probability."""
    status, _, probability = text.partition(":")
    if not 400 <= int(status) <= 599:
        raise argparse.ArgumentTypeError("the status of an error must be from 400 to 599")
    return int(status), _probability(probability or "1")
