"""`python -m benchmarks`: measure, or show results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.account import Accounts, accounts
from benchmarks.measure import (
    OPERATIONS,
    OURS,
    VARIANTS,
    Record,
    cases,
    run_case,
    run_imports,
    run_rate_limit,
)
from benchmarks.picture import draw
from benchmarks.report import tables
from pulumi_account.common.files import narrow, private, private_folder
from tools.sections import fill

RESULTS = Path(".local/benchmarks.json")
SIZES, QUICK_SIZES = [10, 200, 1_000, 10_000], [10, 200]
PARTS = ["import", "rate", "operations"]

_place = itemgetter("engine", "size", "latency")
_rate_key = itemgetter("engine", "variant", "retry_after")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    chosen = _parser().parse_args(arguments)
    if chosen.verb == "run":
        _measure(chosen)
    results = _together([json.loads(file.read_text()) for file in chosen.results])
    text = tables(results)
    print(text)
    if chosen.keep:
        _write(results, chosen.keep)
    if chosen.into:
        fill(chosen.into, "results", text)
    if chosen.picture:
        draw(results, chosen.picture)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure; goes on with an interrupted run")
    add = run.add_argument
    add("--quick", action="store_true", help=f"{QUICK_SIZES} keys only")
    add("--engine", choices=["local", "cli", "both"], default="both", help="default: both, if there is a CLI")
    add("--sizes", type=_numbers, metavar="N,…", help=f"numbers of keys (default: {SIZES})")
    add("--operations", type=_some_of(OPERATIONS), default=OPERATIONS, metavar="NAME,…", help="default: all")
    add("--variants", type=_some_of(VARIANTS), default=VARIANTS, metavar="NAME,…", help="default: all")
    add("--latency", type=_numbers, default=[0, 100], metavar="MS,…", help="of an answer (default: 0,100)")
    add("--repeat", type=int, metavar="K", help="rounds (default: 5 of 10 keys, 3 of 200, 1 of more)")
    add("--parts", type=_some_of(PARTS), default=PARTS, help=f"default: {','.join(PARTS)}")
    add("--fresh", action="store_true", help="forget an interrupted run")
    add("--out", dest="results", type=lambda text: [Path(text)], default=[RESULTS], metavar="FILE")
    run.set_defaults(keep=None)
    table = verbs.add_parser("table", help="print tables of results, in Markdown")
    table.add_argument("results", type=Path, nargs="+", help="results; several are taken together")
    table.add_argument("--keep", type=Path, metavar="FILE", help="write them, taken together, into one file")
    for verb in (run, table):
        verb.add_argument("--into", type=Path, metavar="FILE", help="put the tables into a document")
        verb.add_argument("--picture", type=Path, metavar="FILE", help="draw a picture of the ratios")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def chosen(text: str) -> list[str]:
        words = text.split(",")
        if unknown := set(words) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
        return words

    return chosen


def _together(parts: Sequence[Record]) -> Record:
    """One result of several: all that was measured on machines of one kind, and of the imports, the last."""
    if any(part["environment"] != parts[0]["environment"] for part in parts):
        raise SystemExit("these results are of different machines or versions: they cannot be taken together")
    return {
        "complete": all(part["complete"] for part in parts),
        "environment": parts[0]["environment"],
        "imports": next((part["imports"] for part in reversed(parts) if part["imports"]), {}),
        "rates": [rate for part in parts for rate in part["rates"]],
        "samples": _one_after_the_other([part["samples"] for part in parts]),
    }


def _one_after_the_other(parts: Iterable[Sequence[Record]]) -> list[Record]:
    """All samples, a later part's rounds after those of the parts before: ratios are of one round of one run."""
    samples: list[Record] = []
    for part in parts:
        rounds = {_place(s): s["round"] + 1 for s in sorted(samples, key=itemgetter("round"))}
        samples += [{**s, "round": s["round"] + rounds.get(_place(s), 0)} for s in part]
    return samples


class _Run:
    """Results that grow: saved after every case, so that an interrupted run can go on."""

    def __init__(self, out: Path, *, fresh: bool) -> None:
        self._out = out
        self._began = time.monotonic()
        old = json.loads(out.read_text()) if out.exists() and not fresh else {"complete": True}
        new = {"complete": False, "environment": _environment(), "imports": {}, "rates": [], "samples": []}
        self.results: Record = new if old["complete"] else old

    def say(self, text: str) -> None:
        """Tell how far it is."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"[{minutes:3}:{seconds:02}] {text}", file=sys.stderr, flush=True)

    def save(self, *, complete: bool = False) -> None:
        """Write the file."""
        self.results["complete"] = complete
        _write(self.results, self._out)


def _write(results: Record, file: Path) -> None:
    """A record a line."""
    private_folder(file.parent)
    if file == RESULTS:
        narrow(file.parent)
    fields = [f"{json.dumps(name)}: {_lines(value)}" for name, value in results.items()]
    with open(file, "w", opener=private) as out:
        out.write("{" + ",\n".join(fields) + "}\n")


def _lines(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"


def _measure(chosen: argparse.Namespace) -> None:
    run = _Run(chosen.results[0], fresh=chosen.fresh)
    both = ["local", "cli"] if shutil.which("pulumi") else ["local"]
    engines = both if chosen.engine == "both" else [chosen.engine]
    with accounts() as makes:
        if "import" in chosen.parts and not run.results["imports"]:
            run.say("imports")
            run.results["imports"] = run_imports()
            run.save()
        if "rate" in chosen.parts:
            _rates(run, engines, makes)
        if "operations" in chosen.parts:
            _operations(run, engines, chosen, makes)
    run.save(complete=True)


def _rates(run: _Run, engines: Sequence[str], makes: Accounts) -> None:
    done = {_rate_key(rate) for rate in run.results["rates"]}
    for case in [(engine, variant, after) for engine in engines for variant in OURS for after in (None, 1)]:
        if case not in done:
            run.say(f"ten requests a second: {case[0]}, {case[1]}, Retry-After {case[2]}")
            run.results["rates"].append(run_rate_limit(*case, makes))
            run.save()


def _operations(run: _Run, engines: Sequence[str], chosen: argparse.Namespace, makes: Accounts) -> None:
    sizes = chosen.sizes or (QUICK_SIZES if chosen.quick else SIZES)
    done = {(s["engine"], s["size"], s["latency"], s["round"]) for s in run.results["samples"]}
    planned = cases(engines, sizes, chosen.latency, chosen.repeat, chosen.operations, chosen.variants)
    left = [case for case in planned if case.key not in done]
    while left:
        minutes = sum(case.estimate() for case in left) / 60
        case = left.pop(0)
        what = f"{case.engine}, {case.size:,} keys, {case.latency} ms, round {case.round + 1}"
        run.say(f"{what}; about {minutes:.0f} minutes left")
        run.results["samples"] += run_case(case, makes)
        run.save()


def _environment() -> Record:
    found = {"cores": os.cpu_count(), "system": platform.system(), "Python": platform.python_version()}
    found["Pulumi SDK"] = version("pulumi")
    if cli := shutil.which("pulumi"):
        told = subprocess.run([cli, "version"], capture_output=True, text=True, check=True).stdout
        found["Pulumi CLI"] = told.strip().removeprefix("v")
    return found


if __name__ == "__main__":
    sys.exit(main())
