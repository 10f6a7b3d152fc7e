"""What the measurements say: medians, ratios, tables, and whether the bounds hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.measure import OPERATIONS

Record = dict[str, Any]
Results = dict[str, Any]

OURS = ("auto", "exact")
_ENGINE_NAMES = {"local": "LocalEngine", "cli": "Pulumi CLI"}


@dataclass(frozen=True)
class Cell:
    """What is compared: one engine, operation, number of keys and latency in milliseconds."""

    engine: str
    operation: str
    size: int
    latency: int


class Times:
    """The samples of a run, by cell and variant."""

    def __init__(self, samples: Iterable[Record]) -> None:
        self._seconds: dict[tuple[Cell, str], dict[tuple[int, int], float]] = defaultdict(dict)
        self._calls: dict[tuple[Cell, str], int] = {}
        for sample in samples:
            cell = Cell(sample["engine"], sample["operation"], sample["size"], sample["latency"])
            key = (cell, sample["variant"])
            self._seconds[key][sample["round"], sample["turn"]] = sample["seconds"]
            self._calls[key] = sum(sample["calls"].values())

    def cells(self, **wanted: object) -> list[Cell]:
        """The cells with these values, in the order of tables."""
        cells = {cell for cell, _ in self._seconds}
        found = [c for c in cells if all(getattr(c, name) == value for name, value in wanted.items())]
        return sorted(found, key=lambda c: (c.engine, OPERATIONS.index(c.operation), c.latency, c.size))

    def has(self, cell: Cell, variant: str) -> bool:
        """Whether this was measured."""
        return (cell, variant) in self._seconds

    def seconds(self, cell: Cell, variant: str) -> float:
        """The median."""
        return median(self._seconds[cell, variant].values())

    def calls(self, cell: Cell, variant: str) -> int:
        """API calls, refused ones included."""
        return self._calls[cell, variant]

    def ratio(self, cell: Cell, variant: str, base: str) -> float:
        """The median of the ratios to what was measured just before or after."""
        ours, theirs = self._seconds[cell, variant], self._seconds[cell, base]
        return median(seconds / theirs[turn] for turn, seconds in ours.items() if turn in theirs)


def tables(results: Results) -> str:
    """All of it in Markdown."""
    times = Times(results["samples"])
    parts = [_environment(results["environment"])]
    for engine in sorted({cell.engine for cell in times.cells()}, reverse=True):
        parts.append(f"### {_ENGINE_NAMES[engine]}\n\n" + _table(times, times.cells(engine=engine)))
    if results["imports"]:
        parts.append("### Import\n\n" + _imports(results["imports"]))
    if results["rates"]:
        parts.append("### Ten requests a second\n\n" + _rates(results["rates"]))
    return "\n\n".join([*parts, "### Bounds\n\n" + _bounds(results)])


def _environment(environment: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in environment.items())


def _lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    numbers = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, numbers, *rows])


def _table(times: Times, cells: Iterable[Cell]) -> str:
    head = ["operation", "keys", "ms", "floor", "plain", "auto", "exact"]
    head += [f"{variant} ÷ {base}" for base in ("floor", "plain") for variant in OURS]
    return _lines(head, (_row(times, cell) for cell in cells))


def _row(times: Times, cell: Cell) -> list[str]:
    def spent(variant: str) -> str:
        if not times.has(cell, variant):
            return "-"
        calls = times.calls(cell, variant)
        return f"{times.seconds(cell, variant):.2f} s" + (f", {calls:,} calls" if calls else "")

    def ratio(variant: str, base: str) -> str:
        return f"{times.ratio(cell, variant, base):.2f}" if times.has(cell, variant) else "-"

    measured = [spent(variant) for variant in ("floor", "plain", *OURS)]
    ratios = [ratio(variant, base) for base in ("floor", "plain") for variant in OURS]
    return [cell.operation, f"{cell.size:,}", str(cell.latency), *measured, *ratios]


def _imports(imports: dict[str, list[float]]) -> str:
    return _lines(
        ["module", "median", "times"],
        [(f"`{m}`", f"{median(s) * 1000:.0f} ms", len(s)) for m, s in imports.items()],
    )


def _rates(rates: Iterable[Record]) -> str:
    head = ["names", "engine", "Retry-After", "seconds", "dictated", "ratio", "calls", "refused", "failures"]
    return _lines(head, (_rate_row(rate) for rate in rates))


def _rate_row(rate: Record) -> list[object]:
    refused = rate["calls"].get("429", 0)
    return [
        rate["variant"],
        _ENGINE_NAMES[rate["engine"]],
        "none" if rate["retry_after"] is None else f"{rate['retry_after']} s",
        f"{rate['seconds']:.1f}",
        f"{rate['dictated']:.0f}",
        f"{rate['seconds'] / rate['dictated']:.2f}",
        sum(rate["calls"].values()) - refused,
        refused,
        rate["failures"],
    ]


# --- bounds


@dataclass(frozen=True)
class Bound:
    """A ratio that is to be reached."""

    what: str
    ratio: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether it is."""
        return self.ratio <= self.limit


def bounds(results: Results) -> list[Bound]:
    """The bounds of all that was measured."""
    times = Times(results["samples"])
    return [
        *_to_floor(times),
        *_to_plain(times),
        *_of_imports(results["imports"]),
        *(_of_rate(rate) for rate in results["rates"]),
    ]


def _to_floor(times: Times) -> Iterator[Bound]:
    for cell in times.cells(operation="preview"):
        yield from _each(times, cell, "floor", 1.10)
    for cell in times.cells(operation="refresh", latency=100):
        if cell.size >= 200:
            yield from _each(times, cell, "floor", 1.15)


def _to_plain(times: Times) -> Iterator[Bound]:
    # no slower than plain means 1.00; the rest is what two runs of the same program differ by
    for operation, auto, exact in (("create", 1.10, 1.90), ("update", 1.05, 1.05), ("destroy", 1.05, 1.05)):
        for cell in times.cells(operation=operation, latency=100):
            yield from _each(times, cell, "plain", auto, exact)


def _each(times: Times, cell: Cell, base: str, auto: float, exact: float | None = None) -> Iterator[Bound]:
    for variant, limit in zip(OURS, (auto, exact or auto), strict=True):
        if times.has(cell, variant):
            where = f"{_ENGINE_NAMES[cell.engine]}, {cell.operation} {cell.size:,} at {cell.latency} ms, {variant}"
            yield Bound(f"{where} ÷ {base}", times.ratio(cell, variant, base), limit)


def _of_imports(imports: dict[str, list[float]]) -> Iterator[Bound]:
    if imports:
        ratio = median(imports["pulumi_account"]) / median(imports["pulumi"])
        yield Bound("import pulumi_account ÷ import pulumi", ratio, 1.10)


def _of_rate(rate: Record) -> Bound:
    after = "no Retry-After" if rate["retry_after"] is None else f"Retry-After {rate['retry_after']}"
    what = f"{_ENGINE_NAMES[rate['engine']]}, ten requests a second, {rate['variant']}, {after}"
    # a run with failures has not done what it was timed for
    ratio = float("inf") if rate["failures"] else rate["seconds"] / rate["dictated"]
    return Bound(what, ratio, 1.30)


def _bounds(results: Results) -> str:
    head = ["bound", "measured", "at most", "holds"]
    found = bounds(results)
    rows = [(b.what, f"{b.ratio:.2f}", f"{b.limit:.2f}", "yes" if b.holds else "**no**") for b in found]
    return _lines(head, rows) + f"\n\n{sum(b.holds for b in found)} of {len(found)} bounds hold."
