"""`python -m benchmarks`: measure, or show what was measured."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.account import Accounts, accounts
from benchmarks.measure import cases, run_case, run_imports, run_rate_limit
from benchmarks.picture import draw
from benchmarks.report import OURS, tables
from benchmarks.stacks import engines

HERE = Path(__file__).parent
SIZES, QUICK_SIZES = [10, 200, 1_000, 10_000], [10, 200]
PARTS = ("operations", "import", "rate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    chosen = _parser().parse_args(arguments)
    if chosen.verb == "run":
        _measure(chosen)
        _show([chosen.out], chosen.picture)
    else:
        _show(chosen.results, chosen.picture)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure; goes on with an interrupted run").add_argument
    run("--quick", action="store_true", help=f"{QUICK_SIZES} keys only")
    run(
        "--engine",
        choices=("local", "cli", "both"),
        default="both",
        help="default: both, where there is a CLI",
    )
    run("--sizes", type=_numbers, metavar="N,…", help=f"numbers of keys (default: {SIZES})")
    run("--latency", type=_numbers, default=[0, 100], metavar="MS,…", help="of an answer (default: 0,100)")
    run("--repeat", type=int, metavar="K", help="rounds (default: 5 of 10 keys, 3 of 200, 1 of more)")
    run("--parts", type=lambda text: text.split(","), default=PARTS, help=f"default: {','.join(PARTS)}")
    run("--out", type=Path, default=HERE / "results.json", help="results (default: %(default)s)")
    run("--picture", type=Path, metavar="FILE", help="draw a picture, such as benchmarks/ratios.svg")
    run("--fresh", action="store_true", help="forget an interrupted run")
    table = verbs.add_parser("table", help="print tables of results, in Markdown").add_argument
    table("results", type=Path, nargs="+", help="results; several are taken together")
    table("--picture", type=Path, metavar="FILE", help="draw a picture as well")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _show(files: Sequence[Path], picture: Path | None) -> None:
    results = _merged([json.loads(file.read_text()) for file in files])
    print(tables(results))
    if picture:
        draw(results, picture)


def _merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Later parts win where both have measured the same import."""
    merged = dict(parts[0])
    for part in parts[1:]:
        merged["samples"] = merged["samples"] + part["samples"]
        merged["rates"] = merged["rates"] + part["rates"]
        merged["imports"] = part["imports"] or merged["imports"]
    return merged


# --- measuring


class _Run:
    """Results that grow: kept in a file beside the final one, so that an interrupted run can go on."""

    def __init__(self, out: Path, *, fresh: bool) -> None:
        self._out, self._partial = out, out.with_suffix(".partial.json")
        self._began = time.monotonic()
        self.results: dict[str, Any] = {
            "environment": _environment(),
            "samples": [],
            "imports": {},
            "rates": [],
        }
        if self._partial.exists() and not fresh:
            self.results = json.loads(self._partial.read_text())
            self.say(f"going on with {self._partial}")

    def say(self, text: str) -> None:
        """Tell how far it is."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"[{minutes:3}:{seconds:02}] {text}", file=sys.stderr, flush=True)

    def save(self) -> None:
        """Keep what there is."""
        self._partial.write_text(json.dumps(self.results))

    def finish(self) -> None:
        """All is there: one record a line, so that changes can be read."""
        lists = {"samples", "rates"}
        head = {name: value for name, value in self.results.items() if name not in lists}
        body = [
            f'"{name}": [\n' + ",\n".join(map(json.dumps, self.results[name])) + "\n]"
            for name in sorted(lists)
        ]
        self._out.write_text(json.dumps(head)[:-1] + ", " + ", ".join(body) + "}\n")
        self._partial.unlink(missing_ok=True)


def _measure(chosen: argparse.Namespace) -> None:
    run = _Run(chosen.out, fresh=chosen.fresh)
    there = engines() if chosen.engine == "both" else [chosen.engine]
    with accounts() as makes:
        if "import" in chosen.parts and not run.results["imports"]:
            run.say("imports")
            run.results["imports"] = run_imports()
            run.save()
        if "rate" in chosen.parts:
            _rates(run, there, makes)
        if "operations" in chosen.parts:
            _operations(run, there, chosen, makes)
    run.save()
    run.finish()


def _rates(run: _Run, there: Sequence[str], makes: Accounts) -> None:
    done = {(r["engine"], r["variant"], r["retry_after"]) for r in run.results["rates"]}
    for case in [(engine, variant, after) for engine in there for variant in OURS for after in (None, 1)]:
        if case not in done:
            run.say(f"ten requests a second: {case[0]}, {case[1]}, Retry-After {case[2]}")
            run.results["rates"].append(run_rate_limit(*case, makes))
            run.save()


def _operations(run: _Run, there: Sequence[str], chosen: argparse.Namespace, makes: Accounts) -> None:
    sizes = chosen.sizes or (QUICK_SIZES if chosen.quick else SIZES)
    done = {(s["engine"], s["size"], s["latency"], s["round"]) for s in run.results["samples"]}
    left = [c for c in cases(there, sizes, chosen.latency, chosen.repeat) if c.key not in done]
    while left:
        minutes = sum(case.estimate() for case in left) / 60
        case = left.pop(0)
        run.say(
            f"{case.engine}, {case.size:,} keys, {case.latency} ms, round {case.round + 1}; "
            f"about {minutes:.0f} minutes left"
        )
        run.results["samples"] += run_case(case, makes)
        run.save()


def _environment() -> dict[str, Any]:
    version = importlib.metadata.version
    found = {"cores": os.cpu_count(), "system": platform.system(), "Python": platform.python_version()}
    found |= {"Pulumi SDK": version("pulumi")}
    if cli := shutil.which("pulumi"):
        done = subprocess.run([cli, "version"], capture_output=True, text=True, check=True)
        found["Pulumi CLI"] = done.stdout.strip().removeprefix("v")
    return found


if __name__ == "__main__":
    sys.exit(main())
