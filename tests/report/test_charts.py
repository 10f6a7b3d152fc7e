"""The page's charts."""

from __future__ import annotations

import sys

import pytest

from tests.report.pages import KEYS, USED, full, shown
from tests.support.helpers import refusal


def test_charts_have_alternatives() -> None:
    """Each chart is an image with a name and a description, in a layout for phones and a wide one."""
    charts = full().named("svg")
    assert [chart["class"] for chart in charts] == ["wide", "narrow"] * 4
    assert {chart["role"] for chart in charts} == {"img"}
    assert all(chart["aria-label"] for chart in charts)
    assert len(full().named("desc")) == len(charts)
    days = charts[0]["aria-label"] or ""
    assert days.endswith("The most was spent on 31 May 2026: 46.60 USD. All values are in the table below.")


def test_each_bar_says_its_value() -> None:
    """A bar shows its name and value when the pointer is over it."""
    assert {"31 May: 46.60 USD", "production: 40.00 USD", "production: 8.0% of 500.00 USD"} <= set(
        full().texts("title")
    )


def test_colors_are_the_pages() -> None:
    """Charts use only the page's colors and font, so its style decides between light and dark."""
    styles = [attributes.get("style") or "" for _, attributes in full().tags]
    assert [style for style in styles if "#" in style or "font-family" in style or "font:" in style] == []
    assert any("fill: var(--accent)" in style for style in styles)
    assert any("fill: var(--warn)" in style for style in styles)


def test_same_account_same_page() -> None:
    """The page is the same byte for byte with any settings of matplotlib."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "path", "grid.linestyle": ":", "xtick.labelsize": 30}):
        again = shown("125.503000000000000001", USED, KEYS).source
        assert mpl.rcParams["svg.fonttype"] == "path"
    assert again == full().source


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one line says what to install."""
    from pulumi_account.exceptions import ConfigurationError

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refusal(ConfigurationError, lambda: shown("1", USED), r"pip install 'pulumi_account\[report\]'")
