"""The command line of LocalEngine: ``python -m pulumi_account.testing``."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulumi_account.common.text import place
from pulumi_account.emulator.cli import parse
from pulumi_account.testing.engine import LocalEngine
from pulumi_account.testing.project import ProjectError
from pulumi_account.testing.secrets import PassphraseError
from pulumi_account.testing.state import StateError

_VERBS = {
    "preview": "show what an update would do",
    "up": "make the stack what the program declares",
    "refresh": "make the state what the providers say of the resources",
    "destroy": "delete all resources of the stack",
    "output": "print the stack's outputs",
}
_CHOICE = "{" + ",".join(_VERBS) + "}"
_ABOUT = """Run a Pulumi program with no Pulumi CLI, for trying and testing only: ACCOUNT_LOOPBACK_ONLY=1 is set for the
program and all providers, and an endpoint that is not on this machine is refused. Secrets in the state file are
encrypted under PULUMI_CONFIG_PASSPHRASE (or the text of PULUMI_CONFIG_PASSPHRASE_FILE; empty when neither is set)."""


def _parser() -> argparse.ArgumentParser:
    # no abbreviations: an error about one would quote what follows it
    parser = argparse.ArgumentParser(
        prog="python -m pulumi_account.testing", description=_ABOUT, allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_CHOICE)
    for verb, text in _VERBS.items():
        about = f"{text.capitalize()}. {_ABOUT}"
        _add_options(verbs.add_parser(verb, help=text, description=about, allow_abbrev=False), verb)
    return parser


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; what is wrong is told without quoting what may be, or belong to, a secret."""
    if argv and argv[0] not in (*_VERBS, "-h", "--help"):
        parser.error(f"the command comes first, one of {_CHOICE}")
    return parse(parser, argv)


def _add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    add = parser.add_argument
    add(
        "project",
        nargs="?",
        default=".",
        type=Path,
        metavar="DIR",
        help="folder of Pulumi.yaml (default: here)",
    )
    add("--state", type=Path, metavar="FILE", help="state file (default: .local/NAME.json in the project)")
    add("--stack", default="local", metavar="NAME", help="stack name (default: local)")
    add("--config", action="append", default=[], metavar="ns:key=value", help="a configuration value")
    add(
        "--secret",
        action="append",
        default=[],
        metavar="ns:key[=value]",
        help="a secret configuration value; a value given here can be seen by other users of the machine, so without "
        "one it is read from the environment variable NS_KEY",
    )
    if verb == "output":
        add("--show-secrets", action="store_true", help="print secret outputs in clear")
    else:
        add("--diff", action="store_true", help="show every property, not one line for each resource")
    if verb in ("preview", "output"):
        add("--json", action="store_true", help="print JSON")


def _config(parser: argparse.ArgumentParser, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        parser.error(f"--config {text} is not of the form ns:key=value")
    return key, value


def _secret(parser: argparse.ArgumentParser, text: str, number: int) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    variable = re.sub(r"\W", "_", key).upper()
    if not key or (not equals and variable not in os.environ):
        # not quoted: it may be the secret itself
        parser.error(
            f"--secret number {number} is not of the form ns:key=value, and no environment variable has its value "
            "(for ns:key that is NS_KEY)"
        )
    return key, value if equals else os.environ[variable]


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _run(engine: LocalEngine, args: argparse.Namespace, out: int) -> int:
    as_json = getattr(args, "json", False)
    if args.verb == "output":
        found = engine.outputs(show_secrets=args.show_secrets)
        lines = (
            [json.dumps(found, indent=2)]
            if as_json
            else [f"{key}\t{_show(found[key])}" for key in sorted(found)]
        )
        os.write(out, "".join(f"{line}\n" for line in lines).encode())
        return 0
    result = getattr(engine, args.verb)()
    if as_json:
        os.write(out, json.dumps(result.json, indent=4).encode() + b"\n")
    return 0 if result.ok else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 1 when something has failed, or 2 for a wrong command line."""
    parser = _parser()
    args = _parsed(parser, sys.argv[1:] if argv is None else argv)
    config = dict(_config(parser, text) for text in args.config)
    secrets = dict(_secret(parser, text, number) for number, text in enumerate(args.secret, 1))
    out, as_json = 1, getattr(args, "json", False)
    if as_json:
        # Only JSON may reach standard output, whatever the program prints.
        out = os.dup(1)
        os.dup2(2, 1)
    try:
        engine = LocalEngine(
            args.project,
            state=args.state,
            stack=args.stack,
            config=config,
            secrets=secrets,
            diff=getattr(args, "diff", False),
            echo=None if as_json else sys.stdout,
        )
        return _run(engine, args, out)
    except (ProjectError, StateError, PassphraseError) as error:
        _say(f"error: {error}")
    except OSError as error:
        _say(f"error: {error.filename or 'the system'}: {error.strerror or type(error).__name__}")
    except KeyboardInterrupt:
        _say("interrupted")
    except Exception as error:  # noqa: BLE001 - its message may quote anything
        _say(f"error: unexpected {type(error).__name__} at {place(error)}: a defect, please report it")
    return 1


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
