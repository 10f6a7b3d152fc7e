"""What the benchmark's tables make of samples, and how the results of several runs are taken together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.measure import IMPORTS, Record, cases
from benchmarks.report import Bound, Cell, Times, bounds, tables
from tests.support.helpers import mode, umask
from tools.sections import ROOT, content

KEPT = ROOT / "benchmarks" / "results.json"
CELL = Cell("local", "refresh", 200, 100)


def sample(variant: str, seconds: float, **other: Any) -> Record:
    """A sample; by default, a refresh of 200 keys on LocalEngine."""
    what = {"engine": "local", "size": 200, "latency": 100, "round": 0, "turn": 0, "operation": "refresh"}
    return {**what, "variant": variant, "seconds": seconds, "cpu": 0.1, "calls": {}, **other}


def turn(floor: float, exact: float, **other: Any) -> list[Record]:
    """The samples of one turn; the plain provider takes as long as ours."""
    return [sample(v, s, **other) for v, s in (("floor", floor), ("plain", exact), ("exact", exact))]


def rate(seconds: float, retry_after: int | None = None, engine: str = "local", failures: int = 0) -> Record:
    """Ten requests a second."""
    what = {"engine": engine, "variant": "auto", "retry_after": retry_after, "seconds": seconds}
    return {**what, "failures": failures, "calls": {"create_key": 200, "429": 7}}


def result(samples: Sequence[Record] = (), rates: Sequence[Record] = (), **other: Any) -> Record:
    """What a run saves."""
    new = {"complete": True, "environment": {"cores": 2}, "imports": {}}
    return {**new, "rates": list(rates), "samples": list(samples), **other}


def together(folder: Path, *parts: Record) -> Record:
    """What the command keeps of several runs."""
    files = [folder / f"part-{number}.json" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        file.write_text(json.dumps(part))
    main(["table", *map(str, files), "--keep", str(folder / "kept.json")])
    kept: Record = json.loads((folder / "kept.json").read_text())
    return kept


def growth(*ratios: float) -> list[Bound]:
    """The bounds on refreshes of 200, 1,000 and 10,000 keys with these ratios to the floor."""
    sizes = zip([200, 1_000, 10_000], ratios, strict=False)
    samples = [s for size, ratio in sizes for s in turn(2.0, 2.0 * ratio, size=size)]
    return [bound for bound in bounds(result(samples)) if ": " in bound.what]


# --- measured cases


@pytest.mark.parametrize(
    ("size", "wanted", "measured"),
    [
        (200, ["destroy", "update"], ("create", "update", "destroy")),
        (1_000, ["preview"], ("preview", "preview")),
        (10_000, ["refresh", "update"], ("refresh",)),
    ],
    ids=str,
)
def test_operations_can_be_chosen(size: int, wanted: list[str], measured: tuple[str, ...]) -> None:
    """Those that are wanted are measured in their order, after create if they change anything."""
    assert [case.operations for case in cases(["local"], [size], [0], 3, wanted)] == [measured] * 3


def test_nothing_is_deployed_for_nothing() -> None:
    """Previews are measured at one latency, so alone they are cases of one."""
    assert [case.latency for case in cases(["local"], [10], [0, 100], 1, ["preview"])] == [0]


def test_an_unknown_operation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown operation is refused."""
    with pytest.raises(SystemExit):
        main(["run", "--operations", "preview,up"])
    assert "up: not one of create, preview, update, refresh, destroy" in capsys.readouterr().err


# --- several results


def test_a_ratio_is_of_one_run(tmp_path: Path) -> None:
    """Rounds with the same number in several runs stay separate: each ratio is of one run."""
    parts = [result(turn(1.0, 2.0)), result(turn(10.0, 30.0)), result(turn(100.0, 400.0))]
    times = Times(together(tmp_path, *parts)["samples"])
    assert times.runs(CELL) == 3
    assert times.ratio(CELL, "exact", "floor") == 3


def test_rounds_are_shifted_where_they_were_measured_before(tmp_path: Path) -> None:
    """A later run's rounds follow on those of its engine, number of keys and latency, and on no others."""
    earlier = [*turn(1, 1, round=1), *turn(1, 1), *turn(1, 1, round=4, latency=0)]
    later = [*turn(1, 1), *turn(1, 1, round=2), *turn(1, 1, latency=0), *turn(1, 1, engine="cli")]
    samples = together(tmp_path, result(earlier), result(later))["samples"]
    shifted = [s["round"] for s in samples[len(earlier) :] if s["variant"] == "floor"]
    assert shifted == [2, 4, 5, 0]


def test_all_rates_are_kept(tmp_path: Path) -> None:
    """Rates of one engine, variant and Retry-After are runs of one thing."""
    parts = result(rates=[rate(22.0), rate(23.0, 1)]), result(rates=[rate(21.0), rate(25.0, engine="cli")])
    kept = together(tmp_path, *parts)["rates"]
    assert kept == [rate(22.0), rate(23.0, 1), rate(21.0), rate(25.0, engine="cli")]


def test_imports_are_the_last_ones(tmp_path: Path) -> None:
    """A run without imports keeps those of the run before."""
    earlier = result(imports={statement: [0.3] for statement in IMPORTS})
    assert together(tmp_path, earlier, result())["imports"] == earlier["imports"]


def test_results_of_different_machines_stay_apart(tmp_path: Path) -> None:
    """Results of different machines cannot be compared."""
    with pytest.raises(SystemExit, match="of different machines or versions"):
        together(tmp_path, result(), result(environment={"cores": 4}))


def test_results_are_private(tmp_path: Path) -> None:
    """The folders that are made for them have mode 0700, the file 0600."""
    with umask(0):
        main(["table", str(KEPT), "--keep", str(tmp_path / "a" / "kept.json")])
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "kept.json")) == (0o700, 0o600)


@pytest.mark.parametrize("complete", [True, False])
def test_an_interrupted_run_stays_one(tmp_path: Path, complete: bool) -> None:
    """What is kept is complete if all runs are."""
    assert together(tmp_path, result(complete=complete), result())["complete"] is complete


def test_one_result_is_kept_as_it_is(tmp_path: Path) -> None:
    """The file that is written is laid out as a run lays it out."""
    main(["table", str(KEPT), "--keep", str(tmp_path / "kept.json")])
    assert (tmp_path / "kept.json").read_text() == KEPT.read_text()


def test_the_tables_are_of_all_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed tables are those of the kept file."""
    kept = together(tmp_path, result(turn(1.0, 2.0)), result(turn(1.0, 3.0)))
    assert capsys.readouterr().out == tables(kept) + "\n"


# --- tables and bounds


def test_the_results_are_what_was_measured() -> None:
    """The tables of the page are those of the results that are kept."""
    assert content(KEPT.parent / "RESULTS.md", "results") == tables(json.loads(KEPT.read_text()))


def test_a_table_tells_of_how_many_runs() -> None:
    """Where a variant has fewer samples than another, those count."""
    samples = [*turn(1.0, 2.0), *turn(1.0, 2.0, turn=1), sample("floor", 1.0, round=1)]
    text = tables(result(samples))
    assert "| operation | keys | answer | runs | floor |" in text
    assert "| refresh | 200 | 100 ms | 2 | 1.00 s |" in text


@pytest.mark.parametrize(("ratio", "holds"), [(1.054, True), (1.056, False)])
@pytest.mark.parametrize("operation", ["update", "destroy"])
def test_no_slower_than_plain(operation: str, ratio: float, holds: bool) -> None:
    """An update and a destroy may take as long as the plain provider's, plus 5 % for noise, which the table states."""
    samples = [sample(v, s, operation=operation) for v, s in (("plain", 1.0), ("exact", ratio))]
    (bound,) = bounds(result(samples))
    assert (bound.holds, bound.at_most) == (holds, "1.00 + 5 %")


def test_noise_is_for_no_slower_alone() -> None:
    """A limit above 1.00 is exact."""
    assert Bound("", [1.10], 1.10).holds
    assert not Bound("", [1.11], 1.10).holds
    assert Bound("", [1.10], 1.10).at_most == "1.10"


def test_a_bound_tells_its_runs() -> None:
    """Its median counts; how many there were and how far they lie apart stands beside it."""
    bound = Bound("", [1.3, 0.9, 1.05], 1.10)
    assert (bound.ratio, bound.spread, bound.holds) == (1.05, "3: 0.90 to 1.30", True)


def test_auto_and_exact_are_one_but_for_create() -> None:
    """Where both kinds of names cost the same calls, their runs are runs of one thing."""
    times = {"plain": 1.0, "auto": 1.04, "exact": 1.10}
    samples = [sample(v, s, operation=o) for o in ("create", "update") for v, s in times.items()]
    found = [(bound.what.partition(", ")[2], round(bound.ratio, 2)) for bound in bounds(result(samples))]
    assert found == [
        ("create 200 at 100 ms, auto ÷ plain", 1.04),
        ("create 200 at 100 ms, exact ÷ plain", 1.10),
        ("update 200 at 100 ms, ours ÷ plain", 1.07),
    ]


def test_noise_is_measured() -> None:
    """The table states by how much auto-named and exact keys differ where they do the same; creations do not count."""
    samples = [sample(v, s, operation=o) for o, v, s in [
        ("create", "auto", 1.0), ("create", "exact", 2.0), ("update", "auto", 1.1), ("update", "exact", 1.0),
    ]]  # fmt: skip
    assert Times(samples).noise() == pytest.approx(0.1)
    assert Times([sample("floor", 1.0)]).noise() is None


def test_a_rate_is_held_against_what_the_limit_dictates() -> None:
    """Of 200 calls, 190 wait for their tenth of a second: the limit lets as many through at once as in a second."""
    (one,) = bounds(result(rates=[rate(19.0), rate(24.7), rate(38.0)]))
    assert (one.ratio, one.spread, one.holds) == (1.3, "3: 1.00 to 2.00", True)


def test_a_rate_with_failures_does_not_hold() -> None:
    """One run that has not made all keys is enough, however fast the others were."""
    (one,) = bounds(result(rates=[rate(20.0), rate(20.0), rate(1.0, failures=1)]))
    assert not one.holds


def test_a_refresh_weighs_less_as_keys_grow() -> None:
    """Its ratio to the floor is compared with that at the number of keys before."""
    found = [(bound.what, round(bound.ratio, 2), bound.holds) for bound in growth(1.10, 1.05, 1.20)]
    assert found == [
        ("LocalEngine, refresh at 100 ms, ours ÷ floor: 1,000 ÷ 200", 0.95, True),
        ("LocalEngine, refresh at 100 ms, ours ÷ floor: 10,000 ÷ 1,000", 1.14, False),
    ]


def test_one_number_of_keys_shows_no_growth() -> None:
    """There is no ratio to compare."""
    assert growth(1.10) == []
