"""The command line: `python -m pulumi_account.emulator`, and its `keys` that prints what a database holds."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NoReturn

from pulumi_account.emulator.clock import TIMESTAMP_STYLES
from pulumi_account.emulator.faults import OPERATIONS, Answer, Drip, Drop, Fault, Faults, HalfBody, Hang
from pulumi_account.emulator.store import MEMORY, Store, StoreError
from pulumi_account.emulator.table import format_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from pulumi_account.emulator.emulator import Emulator
    from pulumi_account.emulator.faults import Action

PROGRAM = "python -m pulumi_account.emulator"
KEY_VARIABLE = "ACCOUNT_PROVISIONING_KEY"

_CENTURY = 100 * 365 * 86400.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: seconds; a signal that comes just before a nap is heard after it
_NAP = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return show_keys(given[1:]) if given[:1] == ["keys"] else serve(given)
    except KeyboardInterrupt:
        return 0
    except (StoreError, sqlite3.Error, OSError, ValueError) as error:
        sys.stderr.write(f"error: {getattr(error, 'strerror', None) or error}\n")
        return 1


def show_keys(arguments: Sequence[str]) -> int:
    """Print the keys of a database as a table."""
    parser = argparse.ArgumentParser(
        f"{PROGRAM} keys", description="Print the keys of an emulator's database.", allow_abbrev=False
    )
    parser.add_argument("--db", required=True, metavar="FILE", help="the SQLite file of the emulator")
    with closing(Store(parse(parser, arguments).db, must_exist=True)) as store:
        keys = [key.as_dict() for key in store.all_keys()]
    sys.stdout.write(format_table(keys) + "\n")
    return 0


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """The options; of what is not known only names are told: the rest may be a key."""
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        names = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        nameless = [f"{len(unknown) - len(names)} without a name"] if len(names) < len(unknown) else []
        parser.error(f"arguments that are not known: {', '.join(names + nameless)}")
    return options


def serve(arguments: Sequence[str]) -> NoReturn:
    """Run the server until SIGINT or SIGTERM, which raise KeyboardInterrupt."""
    parser = server_parser()
    options = parse(parser, arguments)
    keys = options.provisioning_key or [os.environ.get(KEY_VARIABLE, "")]
    if not all(keys):
        parser.error(f"no provisioning key: give --provisioning-key or set {KEY_VARIABLE}")
    emulator = _emulator(options, keys)
    with _interrupted_by_signals(), emulator:
        if options.demo and not emulator.keys():
            _fill(emulator, options.balance)
        sys.stdout.write(f"Listening on {emulator.url}\n")
        sys.stdout.flush()
        _sleep_for_ever()


def _emulator(options: argparse.Namespace, keys: list[str]) -> Emulator:
    try:
        from pulumi_account.emulator.emulator import Emulator
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is missing: pip install 'pulumi_account[emulator]'") from error
    return Emulator(
        provisioning_key=keys,
        inference_key=options.inference_key,
        db=options.db,
        faults=faults_of(options),
        balance=options.balance,
        host=options.host,
        port=options.port,
        clock_offset=options.clock_offset,
        create_status=options.create_status,
        validation_status=options.validation_status,
        timestamps=options.timestamps,
        fractions=not options.no_fractions,
        activity_cache=options.activity_cache,
        rate_limit=options.rate_limit,
        retry_after=options.retry_after,
        record_calls=False,
    )


def _fill(emulator: Emulator, balance: str | None) -> None:
    from pulumi_account.emulator.demo import fill

    fill(emulator)
    if balance is not None:
        emulator.balance = balance


def server_parser() -> argparse.ArgumentParser:
    """The flags of the server."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="The account API on a loopback port, for working offline.",
        epilog=f"'{PROGRAM} keys --db FILE' prints the keys a database holds.",
        allow_abbrev=False,  # an error about an abbreviation would quote what follows it
    )
    _add_server_flags(parser)
    _add_silent_flags(parser.add_argument_group("where the API's documentation is silent"))
    _add_fault_flags(parser.add_argument_group("faults", "P is a probability from 0 to 1, for each call"))
    return parser


def _add_server_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s); others are refused")
    add("--port", type=_port, default=8000, help="0 takes any free one (default: %(default)s)")
    add("--db", default=MEMORY, metavar="FILE", help="a SQLite file that keeps the state (default: memory)")
    add(
        "--provisioning-key",
        action="append",
        metavar="KEY",
        help=f"the key that manages the account; may be repeated (default: ${KEY_VARIABLE})",
    )
    add(
        "--inference-key",
        action="append",
        default=[],
        metavar="KEY",
        help="a key that is known and yet refused, like those the emulator issues; may be repeated",
    )
    add("--balance", metavar="USD", help="the account's balance (default: the database's, or 100.00)")
    add(
        "--demo",
        action="store_true",
        help="fill an account that has no keys: with keys, thirty days of activity and a balance",
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
    add("--no-fractions", action="store_true", help="write instants in whole seconds")
    add(
        "--clock-offset",
        type=_clock_offset,
        default=0.0,
        metavar="SECONDS",
        help="how far the server's clock is ahead (default: 0)",
    )
    add(
        "--activity-cache",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="how long the activity is cached; 0 for not at all (default: 300)",
    )
    add("--rate-limit", type=float, metavar="N", help="requests a second; more are answered 429")


def _add_fault_flags(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--latency", type=_latency, default=0.0, metavar="MS", help="milliseconds to add to every call")
    add(
        "--fail",
        type=_failure,
        action="append",
        default=[],
        metavar="STATUS[:P]",
        help="answer with this error, without effect; may be repeated",
    )
    add(
        "--retry-after",
        type=int,
        metavar="SECONDS",
        help="send Retry-After with --fail and --rate-limit",
    )
    for flag, (_, text) in _ACCIDENTS.items():
        add(flag, type=_probability, default=0.0, metavar="P", help=text)
    add("--only", choices=OPERATIONS, metavar="OPERATION", help=f"one of {', '.join(OPERATIONS)}")
    add("--seed", type=int, help="make the chances repeatable")


_ACCIDENTS: dict[str, tuple[Action, str]] = {
    "--drop": (Drop(), "cut the connection, without effect"),
    "--commit-then-drop": (Drop(commit=True), "carry out the call, then cut the connection"),
    "--half-body": (HalfBody(), "carry out the call, send half of the answer, cut the connection"),
    "--drip": (Drip(), "carry out the call, send the answer a byte a second"),
    "--hang": (Hang(), "say nothing, without effect, until the client gives up"),
    "--commit-then-hang": (Hang(commit=True), "carry out the call, then say nothing"),
    "--garbage": (Answer(200, body="garbage", commit=True), "carry out the call, answer 200 with no JSON"),
}


def faults_of(options: argparse.Namespace) -> Faults:
    """The faults that the flags ask for."""
    faults = Faults(seed=options.seed)
    if options.latency:
        faults.add(Fault(latency=options.latency, operation=options.only, times=None))
    for status, probability in options.fail:
        failure = Answer(status, retry_after=options.retry_after)
        faults.add(Fault(failure, operation=options.only, times=None, probability=probability))
    for flag, (accident, _) in _ACCIDENTS.items():
        probability = getattr(options, flag[2:].replace("-", "_"))
        if probability:
            faults.add(Fault(accident, operation=options.only, times=None, probability=probability))
    return faults


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return port


def _clock_offset(text: str) -> float:
    seconds = float(text)
    if not abs(seconds) <= _CENTURY:
        raise argparse.ArgumentTypeError("a clock is at most a century off")
    return seconds


def _latency(text: str) -> float:
    return _seconds(text) / 1000


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= _CENTURY:
        raise argparse.ArgumentTypeError("a time is from 0 to a century")
    return number


def _probability(text: str) -> float:
    probability = float(text)
    if not 0 <= probability <= 1:
        raise argparse.ArgumentTypeError("a probability is from 0 to 1")
    return probability


def _failure(text: str) -> tuple[int, float]:
    status, _, probability = text.partition(":")
    if not 400 <= int(status) <= 599:
        raise argparse.ArgumentTypeError("an error's status is from 400 to 599")
    return int(status), _probability(probability or "1")


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Both signals interrupt, as SIGINT alone does by default (and does not in a background job of a shell)."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _sleep_for_ever() -> NoReturn:
    while True:
        time.sleep(_NAP)
