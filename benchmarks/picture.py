"""One picture of all: how far from the floor, for each operation and number of keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measure import OPERATIONS
from benchmarks.report import ENGINE_NAMES, Times

_COLORS = {"plain": "#9a6700", "auto": "#0969da", "exact": "#1a7f37"}
_LABELS = {"plain": "plain", "auto": "ours, auto-named", "exact": "ours, exact name"}
_DASHES = {0: ":", 100: "-"}


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture; its background is white, so that it can be read on any page."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "benchmarks", "svg.fonttype": "none"}  # one result, one small file
    from matplotlib import pyplot as plt

    times = Times(results["samples"])
    engines = [engine for engine in ENGINE_NAMES if times.cells(engine=engine)]
    size = (15, 3.2 * len(engines) + 0.5)
    figure, panels = plt.subplots(
        len(engines), len(OPERATIONS), figsize=size, squeeze=False, layout="constrained"
    )
    for row, engine in zip(panels, engines, strict=True):
        for panel, operation in zip(row, OPERATIONS, strict=True):
            _panel(panel, times, engine, operation)
        row[0].set_ylabel(f"{ENGINE_NAMES[engine]}: time ÷ floor")
    _legend(figure, plt)
    figure.savefig(path, facecolor="white", metadata={"Date": None})
    plt.close(figure)


def _panel(panel: Any, times: Times, engine: str, operation: str) -> None:
    for variant, color in _COLORS.items():
        for latency, dash in _DASHES.items():
            cells = times.cells(engine=engine, operation=operation, latency=latency)
            points = [(c.size, times.ratio(c, variant, "floor")) for c in cells if times.has(c, variant)]
            if points:
                panel.plot(*zip(*points, strict=True), dash, color=color, marker="o", markersize=4)
    panel.axhline(1, color="#57606a", linewidth=0.8)
    low, high = panel.get_ylim()
    panel.set_ylim(min(low, 0.8), max(high, 1.6))  # small differences must look small
    sizes = sorted({cell.size for cell in times.cells(engine=engine)})
    panel.set_xscale("log")
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.minorticks_off()
    panel.set_title(operation)
    panel.set_xlabel("keys")
    panel.grid(alpha=0.25)


def _legend(figure: Any, plt: Any) -> None:
    lines = [plt.Line2D([], [], color=_COLORS[v], marker="o", markersize=4) for v in _COLORS]
    lines += [plt.Line2D([], [], color="#57606a", linestyle=dash) for dash in _DASHES.values()]
    labels = [*_LABELS.values(), *(f"{latency} ms an answer" for latency in _DASHES)]
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels), frameon=False)
