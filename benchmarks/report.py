"""What the measurements say: medians, ratios, tables, and whether the bounds hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from benchmarks.measure import IMPORTS, OPERATIONS, OURS, RATE_LIMIT, RATE_LIMITED_KEYS, VARIANTS, Record

#: what may come on top of "no slower" and "no more": it is about what two runs of one program differ by
NOISE = 0.05
ENGINE_NAMES = {"local": "LocalEngine", "cli": "Pulumi CLI"}
#: where auto-named keys and exact names cost the same calls, so that both measure one thing
SAME = tuple(operation for operation in OPERATIONS if operation != "create")


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
        for s in samples:
            key = (Cell(s["engine"], s["operation"], s["size"], s["latency"]), s["variant"])
            self._seconds[key][s["round"], s["turn"]] = s["seconds"]
            self._calls[key] = sum(s["calls"].values())

    def cells(self, **wanted: object) -> list[Cell]:
        """The cells with these values, in the order of tables."""
        found = {c for c, _ in self._seconds if all(getattr(c, n) == value for n, value in wanted.items())}
        return sorted(found, key=lambda c: (c.engine, OPERATIONS.index(c.operation), c.latency, c.size))

    def has(self, cell: Cell, variant: str) -> bool:
        """Whether this was measured."""
        return (cell, variant) in self._seconds

    def runs(self, cell: Cell) -> int:
        """How many samples its medians are of; of the variant that has the fewest."""
        return min(len(samples) for (c, _), samples in self._seconds.items() if c == cell)

    def spent(self, cell: Cell, variant: str) -> str:
        """The median, and the API calls."""
        if not self.has(cell, variant):
            return "-"
        calls = self._calls[cell, variant]
        seconds = median(self._seconds[cell, variant].values())
        return f"{seconds:.2f} s" + (f", {calls:,} calls" if calls else "")

    def ratios(self, cell: Cell, variants: Iterable[str], base: str) -> list[float]:
        """The ratios of two variants that were measured next to each other."""
        theirs = self._seconds[cell, base]
        ours = (turn for variant in variants for turn in self._seconds.get((cell, variant), {}).items())
        return [seconds / theirs[turn] for turn, seconds in ours if turn in theirs]

    def ratio(self, cell: Cell, variant: str, base: str) -> float:
        """Their median."""
        return median(self.ratios(cell, [variant], base))

    def noise(self) -> float | None:
        """What two runs of one thing differ by: the median, over all turns."""
        ratios = [r for c in self.cells() if c.operation in SAME and self.has(c, OURS[0])
                  for r in self.ratios(c, OURS[:1], OURS[1])]  # fmt: skip
        return median(abs(ratio - 1) for ratio in ratios) if ratios else None


# --- tables


def tables(results: Record) -> str:
    """All of it in Markdown."""
    times = Times(results["samples"])
    parts = [", ".join(f"{name} {value}" for name, value in results["environment"].items())]
    for engine, name in ENGINE_NAMES.items():
        if cells := times.cells(engine=engine):
            parts += [f"## {name}", _operations(times, cells)]
    if results["imports"]:
        parts += ["## Import", _imports(results["imports"])]
    if results["rates"]:
        parts += ["## Ten requests a second", _rates(results["rates"])]
    return "\n\n".join([*parts, "## Bounds", _bounds(bounds(results), times.noise())])


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, rule, *rows])


def _operations(times: Times, cells: Iterable[Cell]) -> str:
    pairs = [(variant, base) for base in ("floor", "plain") for variant in OURS] + [("keyset", "exact")]

    def row(cell: Cell) -> list[str]:
        spent = [times.spent(cell, variant) for variant in VARIANTS]
        ratios = [
            f"{times.ratio(cell, v, base):.2f}" if times.has(cell, v) and times.has(cell, base) else "-"
            for v, base in pairs
        ]
        where = [cell.operation, f"{cell.size:,}", f"{cell.latency} ms", f"{times.runs(cell)}"]
        return [*where, *spent, *ratios]

    head = ["operation", "keys", "answer", "runs", *VARIANTS]
    return _table([*head, *(f"{variant} ÷ {base}" for variant, base in pairs)], map(row, cells))


def _imports(imports: dict[str, list[float]]) -> str:
    rows = [(f"`{m}`", f"{median(s) * 1000:.0f} ms", len(s)) for m, s in imports.items()]
    return _table(["statement", "median", "times"], rows)


def _rates(rates: Iterable[Record]) -> str:
    def row(rate: Record) -> list[object]:
        engine, after = ENGINE_NAMES[rate["engine"]], rate["retry_after"] or "none"
        times = [f"{rate['seconds']:.1f} s", f"{_dictated(rate):.0f} s"]
        refused = rate["calls"].get("429", 0)
        admitted = sum(rate["calls"].values()) - refused
        return [engine, rate["variant"], after, *times, admitted, refused, rate["failures"]]

    head = ["engine", "names", "Retry-After", "spent", "dictated", "calls", "refused", "failures"]
    return _table(head, map(row, sorted(rates, key=_kind)))


def _kind(rate: Record) -> tuple[bool, str, int]:
    return (rate["engine"] == "cli", rate["variant"], rate["retry_after"] or 0)


def _dictated(rate: Record) -> float:
    """The least seconds: the limit lets as many calls through at once as in a second, and then goes on at its rate."""
    calls = RATE_LIMITED_KEYS * (2 if rate["variant"] == "exact" else 1)
    return calls / RATE_LIMIT - 1


# --- bounds


@dataclass(frozen=True)
class Bound:
    """A bound on the median of measured ratios."""

    what: str
    ratios: Sequence[float]
    limit: float

    @property
    def ratio(self) -> float:
        """The median."""
        return median(self.ratios)

    @property
    def spread(self) -> str:
        """The number of ratios, and their range."""
        count = len(self.ratios)
        return f"{count}: {min(self.ratios):.2f} to {max(self.ratios):.2f}" if count > 1 else "1"

    @property
    def noise(self) -> float:
        """What may come on top: "no slower" and "no more" cannot be measured more precisely."""
        return NOISE if self.limit == 1 else 0.0

    @property
    def at_most(self) -> str:
        """The limit, with the tolerance for noise."""
        return f"{self.limit:.2f}" + (f" + {self.noise * 100:.0f} %" if self.noise else "")

    @property
    def holds(self) -> bool:
        """Whether it holds, to two digits."""
        return round(self.ratio, 2) <= round(self.limit * (1 + self.noise), 2)


def bounds(results: Record) -> list[Bound]:
    """The bounds of all that was measured."""
    times = Times(results["samples"])
    found = [*_to_floor(times), *_as_keys_grow(times), *_to_plain(times), *_of_key_sets(times)]
    if imports := results["imports"]:
        engine, _, ours = IMPORTS
        ratios = [one / other for one, other in zip(imports[ours], imports[engine], strict=True)]
        found.append(Bound(f"{ours} ÷ {engine}", ratios, 1.10))
    return found + [
        _of_rates(list(rates)) for _, rates in groupby(sorted(results["rates"], key=_kind), _kind)
    ]


def _to_floor(times: Times) -> Iterator[Bound]:
    for cell in times.cells(operation="preview"):
        yield from _both(times, cell, "floor", 1.10)
    for cell in times.cells(operation="refresh", latency=100):
        if cell.size >= 200:
            yield from _both(times, cell, "floor", 1.15)


def _as_keys_grow(times: Times) -> Iterator[Bound]:
    for engine, name in ENGINE_NAMES.items():
        cells = [c for c in times.cells(engine=engine, operation="refresh", latency=100) if c.size >= 200]
        ratios = [(c.size, median(times.ratios(c, OURS, "floor"))) for c in cells]
        for (few, before), (many, ratio) in pairwise(ratios):
            yield Bound(
                f"{name}, refresh at 100 ms, ours ÷ floor: {many:,} ÷ {few:,}", [ratio / before], 1.00
            )


def _to_plain(times: Times) -> Iterator[Bound]:
    for cell in times.cells(operation="create", latency=100):
        for variant, limit in zip(OURS, (1.10, 1.90), strict=True):
            if times.has(cell, variant):
                yield Bound(
                    f"{_where(cell)}, {variant} ÷ plain", times.ratios(cell, [variant], "plain"), limit
                )
    for operation in ("update", "destroy"):
        for cell in times.cells(operation=operation, latency=100):
            yield from _both(times, cell, "plain", 1.00)


def _of_key_sets(times: Times) -> Iterator[Bound]:
    for cell in times.cells():
        if cell.operation != "destroy" and times.has(cell, "keyset"):
            yield Bound(f"{_where(cell)}, KeySet ÷ exact", times.ratios(cell, ["keyset"], "exact"), 1.10)


def _both(times: Times, cell: Cell, base: str, limit: float) -> Iterator[Bound]:
    """Auto-named and exact taken together, as they do the same here."""
    if ratios := times.ratios(cell, OURS, base):
        yield Bound(f"{_where(cell)}, ours ÷ {base}", ratios, limit)


def _where(cell: Cell) -> str:
    return f"{ENGINE_NAMES[cell.engine]}, {cell.operation} {cell.size:,} at {cell.latency} ms"


def _of_rates(rates: Sequence[Record]) -> Bound:
    """Of the runs of one kind."""
    first = rates[0]
    after = f"Retry-After {first['retry_after'] or 'none'}"
    what = f"{ENGINE_NAMES[first['engine']]}, ten requests a second, {first['variant']}, {after}"
    # a run with failures does not count: it did not do all of the work
    failed = any(rate["failures"] for rate in rates)
    return Bound(
        what, [float("inf") if failed else rate["seconds"] / _dictated(rate) for rate in rates], 1.30
    )


def _bounds(found: Sequence[Bound], noise: float | None) -> str:
    rows = [(b.what, f"{b.ratio:.2f}", b.spread, b.at_most, "yes" if b.holds else "**no**") for b in found]
    table = _table(["bound", "measured", "ratios", "at most", "holds"], rows)
    text = f"{sum(b.holds for b in found)} of {len(found)} bounds hold."
    text += (
        f" A limit of 1.00 is *no slower* or *no more*, with a tolerance of {NOISE * 100:.0f} % for noise."
    )
    if noise is not None:
        text += (
            f" Auto-named keys and exact names differ by {noise * 100:.0f} % within a turn, but for create."
        )
    return f"{table}\n\n{text}"
