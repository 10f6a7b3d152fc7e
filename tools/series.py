"""The exporter's series, as it serves them: `make reference` writes them into the page about dashboards."""

from __future__ import annotations

import re

import httpx

from pulumi_account import AccountClient
from pulumi_account.emulator import Emulator
from pulumi_account.metrics.exporter import Exporter
from tools.command_line import seed
from tools.sections import DOCS, fill

__all__ = ["PAGE", "series", "write"]

PAGE = DOCS / "dashboards.md"
_HELP = re.compile(r"^# HELP (\w+) (.*)\n# TYPE \w+ \w+\n\w+(?:\{(.*)\})?", re.MULTILINE)


def series() -> str:
    """Name, labels and help of each, as a table."""
    with Emulator() as emulator:
        seed(emulator)
        with (
            AccountClient(emulator.url, emulator.provisioning_key) as client,
            Exporter(client, labels=tuple) as exporter,
        ):
            exporter.refresh()
            served = httpx.get(exporter.url, trust_env=False).text
    rows = [f"| `{name}` | {_labels(labels)} | {text} |" for name, text, labels in _HELP.findall(served)]
    return "\n".join(["| series | labels | meaning |", "|---|---|---|", *rows])


def write() -> None:
    """Fill the page's section."""
    fill(PAGE, "series", series())


def _labels(labels: str) -> str:
    return ", ".join(f"`{name}`" for name in re.findall(r'(\w+)="', labels))


if __name__ == "__main__":
    write()
