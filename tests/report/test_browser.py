"""The page in a browser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.report.pages import full

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: without them Chromium asks the network, or needs what containers lack
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


@pytest.fixture
def browser() -> str:
    """A Chromium; without one the test is skipped, or fails if one is required."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and os.environ.get("PULUMI_ACCOUNT_REQUIRE_BROWSER") == "1":
        pytest.fail("no Chromium on the PATH")
    if found is None:
        pytest.skip("no Chromium on the PATH")
    return found


def browse(browser: str, folder: Path, *arguments: str) -> str:
    """What a headless browser prints."""
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    run = subprocess.run(command, capture_output=True, timeout=90, check=True, cwd=folder)
    shutil.rmtree(folder / "profile", ignore_errors=True)
    return run.stdout.decode()


MEASURE = """<!DOCTYPE html><title>measuring</title><pre></pre>
<iframe style="width:360px;height:800px" srcdoc="PAGE"></iframe>
<iframe style="width:1100px;height:800px" srcdoc="PAGE"></iframe>
<script>addEventListener("load", () => {
  document.querySelector("pre").textContent = JSON.stringify([0, 1].map(place => {
    const frame = frames[place];
    const seen = node => frame.getComputedStyle(node).display !== "none";
    const page = frame.document, charts = [...page.querySelectorAll("svg")].filter(seen);
    return {
      title: page.title,
      overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
      loaded: frame.performance.getEntriesByType("resource").length,
      scripts: page.scripts.length + page.images.length,
      charts: charts.map(chart => chart.classList[0]),
      scale: Math.min(...charts.map(chart => chart.getBoundingClientRect().width / chart.viewBox.baseVal.width)),
      outside: charts.flatMap(chart => [...chart.querySelectorAll("text")]).filter(
        text => text.getBoundingClientRect().right > page.documentElement.clientWidth).length,
      paper: frame.getComputedStyle(page.body).backgroundColor,
    };
  }));
})</script>"""


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")])
def test_in_a_browser(scheme: str, paper: str, browser: str, tmp_path: Path) -> None:
    """Nothing runs, loads or overflows, on a phone and on a desk, light and dark."""
    (tmp_path / "page.html").write_text(MEASURE.replace("PAGE", html.escape(full().source)), encoding="utf-8")
    setting = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    dom = browse(browser, tmp_path, setting, "--dump-dom", (tmp_path / "page.html").as_uri())
    found = json.loads(html.unescape(re.findall(r"<pre>(.*?)</pre>", dom)[0]))
    letters = [13 * frame.pop("scale") for frame in found]
    assert found == [
        {
            "title": "Account report, 1 Jun 2026",
            "overflow": 0,
            "loaded": 0,
            "scripts": 0,
            "charts": [layout] * 4,
            "outside": 0,
            "paper": paper,
        }
        for layout in ("narrow", "wide")
    ]
    assert min(letters) >= 11.5  # pixels, on the telephone too


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshot(scheme: str, browser: str, tmp_path: Path) -> None:
    """The page opens from disk and has the scheme's colors; PULUMI_ACCOUNT_PICTURES names a folder for the picture."""
    from matplotlib.image import imread

    (tmp_path / "page.html").write_text(full().source, encoding="utf-8")
    picture = Path(os.environ.get("PULUMI_ACCOUNT_PICTURES", tmp_path)) / f"report-{scheme}.png"
    setting = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    browse(
        browser,
        tmp_path,
        setting,
        "--window-size=1100,1900",
        f"--screenshot={picture.resolve()}",
        (tmp_path / "page.html").as_uri(),
    )
    pixels = (imread(picture)[:, :, :3] * 255).round().astype(int).reshape(-1, 3)
    colors = {tuple(pixel) for pixel in pixels.tolist()}
    wanted = {"light": ["#ffffff", "#0969da", "#9a6700"], "dark": ["#0d1117", "#4493f8", "#d29922"]}[scheme]
    assert {tuple(bytes.fromhex(color[1:])) for color in wanted} <= colors
