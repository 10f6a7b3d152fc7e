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

try:
    from pulumi_account.testing.engine import LocalEngine
    from pulumi_account.testing.project import ProjectError
    from pulumi_account.testing.secrets import PassphraseError
    from pulumi_account.testing.state import StateError
except ModuleNotFoundError as error:
    missing = str(error.name).partition(".")[0]
    if missing == "pulumi_account":
        raise
    sys.exit(f"error: {missing} is missing: pip install 'pulumi_account[testing]'")

_VERBS = {
    "preview": "show what an update would do",
    "up": "update the stack to match the program",
    "refresh": "update the state to match the actual resources",
    "destroy": "delete all resources of the stack",
    "import": "put the resources that a file lists into the state",
    "output": "print the stack's outputs",
}
_CHOICE = "{" + ",".join(_VERBS) + "}"
_ABOUT = """Run a Pulumi program without the Pulumi CLI, for experiments and tests only: ACCOUNT_LOOPBACK_ONLY=1 is set
for the program and all providers, and an endpoint that is not on this machine is refused. Secrets in the state file are
encrypted under PULUMI_CONFIG_PASSPHRASE (or the text of PULUMI_CONFIG_PASSPHRASE_FILE; empty when neither is set)."""


def _parser() -> argparse.ArgumentParser:
    # no abbreviations: an error about one would quote what follows it
    name = "python -m pulumi_account.testing"
    parser = argparse.ArgumentParser(prog=name, description=_ABOUT, allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_CHOICE)
    for verb, text in _VERBS.items():
        about = f"{text.capitalize()}. {_ABOUT}"
        _add_options(verbs.add_parser(verb, help=text, description=about, allow_abbrev=False), verb)
    return parser


def _add_options(parser: argparse.ArgumentParser, verb: str) -> None:
    add = parser.add_argument
    where = "folder of Pulumi.yaml (default: the current folder)"
    add("project", nargs="?", default=".", type=Path, metavar="DIR", help=where)
    add("--state", type=Path, metavar="FILE", help="state file (default: .local/NAME.json in the project)")
    add("--stack", default="local", metavar="NAME", help="stack name (default: local)")
    add("--config", action="append", default=[], metavar="ns:key=value", help="a configuration value")
    about = (
        "a secret configuration value; other users of the machine can see a value on the command line, so without one "
        "it is read from the environment variable NS_KEY"
    )
    add("--secret", action="append", default=[], metavar="ns:key[=value]", help=about)
    if verb == "output":
        add("--show-secrets", action="store_true", help="print secret outputs in plain text")
    elif verb == "import":
        add("--file", type=Path, metavar="FILE", required=True, help="the file, as for pulumi import --file")
        about = "mark the resources as protected from deletion (default: true)"
        add("--protect", choices=("true", "false"), default="true", help=about)
    else:
        add("--diff", action="store_true", help="show every property, not one line for each resource")
    if verb in ("preview", "up"):
        about = "a policy pack that the resources must comply with; may be given several times"
        add("--policy-pack", action="append", default=[], type=Path, metavar="DIR", help=about)
    if verb in ("preview", "output"):
        add("--json", action="store_true", help="print JSON")
    parser.set_defaults(json=False, diff=False)


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


def _run(engine: LocalEngine, args: argparse.Namespace, out: int) -> int:
    if args.verb == "import":
        number = engine.import_resources(args.file, protect=args.protect == "true")
        os.write(out, f"imported {number} resources\n".encode())
        return 0
    if args.verb != "output":
        packs = {"policy_packs": args.policy_pack} if args.verb in ("preview", "up") else {}
        result = getattr(engine, args.verb)(**packs)
        if args.json:
            os.write(out, json.dumps(result.json, indent=4).encode() + b"\n")
        return 0 if result.ok else 1
    found = engine.outputs(show_secrets=args.show_secrets)
    texts = (
        (key, value if isinstance(value, str) else json.dumps(value)) for key, value in sorted(found.items())
    )
    text = (
        f"{json.dumps(found, indent=2)}\n"
        if args.json
        else "".join(f"{key}\t{value}\n" for key, value in texts)
    )
    os.write(out, text.encode())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 1 after a failure, or 2 for an invalid command line."""
    parser = _parser()
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] not in (*_VERBS, "-h", "--help"):  # not quoted: it may be a secret
        parser.error(f"the command comes first, one of {_CHOICE}")
    args = parse(parser, argv)
    options: dict[str, Any] = {"state": args.state, "stack": args.stack, "diff": args.diff}
    options["config"] = dict(_config(parser, text) for text in args.config)
    options["secrets"] = dict(_secret(parser, text, number) for number, text in enumerate(args.secret, 1))
    out, echo = 1, None if args.json else sys.stdout
    if args.json:  # whatever the program prints goes to standard error
        out = os.dup(1)
        os.dup2(2, 1)
    try:
        return _run(LocalEngine(args.project, echo=echo, **options), args, out)
    except (ProjectError, StateError, PassphraseError) as error:
        line = f"error: {error}"
    except OSError as error:
        line = f"error: {error.filename or 'the system'}: {error.strerror or type(error).__name__}"
    except KeyboardInterrupt:
        line = "interrupted"
    except Exception as error:  # noqa: BLE001 - its message may quote anything
        line = f"error: unexpected {type(error).__name__} at {place(error)}: a defect, please report it"
    print(line, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
