"""Charts as inline SVG: matplotlib lays them out; fonts and colors are the page's."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pulumi_account.common.money import exact
from pulumi_account.common.text import elided
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.report.html import Html, join, tag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: each is drawn in a unique color, which a variable of the page's style then replaces
_COLORS = {
    "ink": "#000001",
    "muted": "#000002",
    "line": "#000003",
    "accent": "#000004",
    "warn": "#000005",
    "bad": "#000006",
    "track": "#000007",
}
_VARIABLES = {color: f"var(--{name})" for name, color in _COLORS.items()}
#: pixels: the width of the layout for phones, the size of the font, and the height of a bar with its label
_NARROW = 340
_FONT = 13
_ROW = 40
#: larger floats would break the layout
_LARGEST = Decimal(10) ** 15


@dataclass(frozen=True)
class Bar:
    """One value of a chart, with its text and its color."""

    label: str
    value: Decimal
    text: str
    tone: str = "accent"


def column_chart(bars: Sequence[Bar], mean: Decimal | None, *, title: str, alternative: str) -> Html:
    """A column for each value, and a dashed line at their mean if there is one."""
    return _both(lambda units: _columns(bars, mean, units), 960, bars, title, alternative)


def bar_chart(
    bars: Sequence[Bar], *, title: str, alternative: str, full: Decimal | None = None, width: int = 480
) -> Html:
    """A bar for each value, below its label; ``full`` is the value of a bar as wide as the chart."""
    whole = full or max(bar.value for bar in bars)
    return _both(lambda units: _bars(bars, whole, units), width, bars, title, alternative)


def _both(
    draw: Callable[[int], Figure], width: int, bars: Sequence[Bar], title: str, alternative: str
) -> Html:
    notes = {f"bar-{place}": f"{bar.label}: {bar.text}" for place, bar in enumerate(bars)}
    pictures = []
    for name, units in (("wide", width), ("narrow", _NARROW)):
        svg = io.BytesIO()
        with _settings():
            draw(units).savefig(svg, format="svg", transparent=True, metadata={"Date": None})
        pictures.append(_inline(svg.getvalue().decode(), name, notes, title, alternative))
    return tag("figure", tag("figcaption", title), join(*pictures))


@contextmanager
def _settings() -> Iterator[None]:
    try:
        import matplotlib as mpl
        from matplotlib import style
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: pip install 'pulumi_account[report]'") from None
    ours = {
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
        "text.parse_math": False,  # a $ in a name is a $
        "font.family": "DejaVu Sans",  # comes with matplotlib; the page's own font is not wider
        "font.size": _FONT,
        "figure.dpi": 72,
    }
    with style.context("default"), mpl.rc_context(ours), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the browser has the glyphs that DejaVu lacks
        yield


def _figure(width: int, height: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(bottom=False, left=False, labelcolor=_COLORS["muted"])
    return figure, axes


def _columns(bars: Sequence[Bar], mean: Decimal | None, width: int) -> Any:
    height, left, right, bottom, top = 260, 52, 18, 26, 16
    figure, axes = _figure(width, height)
    axes.set_position(
        (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    )
    for place, bar in enumerate(bars):
        _box(axes, place - 0.36, 0, 0.72, _number(bar.value), bar.tone, place)
    if mean is not None:
        axes.axhline(_number(mean), color=_COLORS["ink"], linewidth=1, dashes=(4, 3), clip_on=False)
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.set_ylim(
        0, 1.04 * max(_number(value) for value in (mean or Decimal(0), *(bar.value for bar in bars)))
    )
    shown = range(len(bars) - 1, -1, -max(1, -(-len(bars) * 58 // (width - left - right))))
    axes.set_xticks(list(shown), [bars[place].label for place in shown])
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda value, _: _tick(value))
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=_COLORS["line"], clip_on=False)
    return figure


def _bars(bars: Sequence[Bar], whole: Decimal, width: int) -> Any:
    height = _ROW * len(bars)
    figure, axes = _figure(width, height)
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    for place, bar in enumerate(bars):
        top = place * _ROW
        room = (width - 16) // 8 - len(bar.text)
        _label(axes, 0, top + 18, elided(bar.label, max(room, 8)))
        _label(axes, width, top + 18, bar.text, ha="right", color=_COLORS["muted"])
        share = min(_number(bar.value / whole), 1) if whole > 0 else 0
        _box(axes, 0, top + 24, width, 8, "track")
        _box(axes, 0, top + 24, width * share, 8, bar.tone, place)
    return figure


def _box(
    axes: Any, x: float, y: float, width: float, height: float, tone: str, place: int | None = None
) -> None:
    from matplotlib.patches import Rectangle

    name = None if place is None else f"bar-{place}"
    axes.add_artist(
        Rectangle((x, y), width, height, color=_COLORS[tone], linewidth=0, clip_on=False, gid=name)
    )


def _label(axes: Any, x: float, y: float, text: str, **options: Any) -> None:
    axes.text(x, y, text, **{"va": "bottom", "color": _COLORS["ink"], **options})


def _number(value: Decimal) -> float:
    return float(min(max(value, Decimal(0)), _LARGEST))


def _tick(value: float) -> str:
    """The amount at a grid line, with no more digits than needed."""
    return f"{value:,.10g}" if value >= 1 else exact(Decimal(f"{value:.4g}"))


def _inline(svg: str, name: str, notes: dict[str, str], title: str, alternative: str) -> Html:
    """The picture as part of the page, in its font and its colors."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - matplotlib's own, from names without control characters
    for element in list(root.iter()):
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        element.text = element.text if element.tag == "text" else None
        _restyle(element)
        _annotate(element, notes)
        for child in list(element):
            if child.tag.rpartition("}")[2] in ("metadata", "defs"):
                element.remove(child)
    parts = [tag("title", title), tag("desc", alternative)]
    inner = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    return tag(
        "svg",
        *parts,
        Html(inner),
        class_=name,
        viewBox=root.get("viewBox"),
        role="img",
        aria_label=f"{title}. {alternative}",
    )


def _restyle(element: ElementTree.Element) -> None:
    style = dict(part.split(": ", 1) for part in element.get("style", "").split("; ") if ": " in part)
    size = re.search(r"[\d.]+px", style.pop("font", "") or style.get("font-size", ""))
    style.pop("font-family", None)
    if size:
        style["font-size"] = size[0]
    for name in ("fill", "stroke"):
        style[name] = _VARIABLES.get(style.get(name, ""), style.get(name, ""))
    text = "; ".join(f"{name}: {value}" for name, value in style.items() if value)
    if text:
        element.set("style", text)


def _annotate(element: ElementTree.Element, notes: dict[str, str]) -> None:
    note = notes.get(element.attrib.pop("id", ""))
    if note:
        title = ElementTree.Element("title")
        title.text = note
        element.insert(0, title)
