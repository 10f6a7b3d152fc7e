"""The reliability page: its promises with the tests that hold them, and how many cases of these tests passed.

`make reliability` runs the tests and writes the page; `python -m tools.reliability FILE…` writes it from the JUnit
files of earlier runs, such as one with the Pulumi CLI on the PATH. Without files it writes the promises alone.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tools.promises import PROMISES, Promise
from tools.sections import DOCS, fill

__all__ = ["PAGE", "cases", "promises", "write"]

PAGE = DOCS / "reliability.md"


class Ran(NamedTuple):
    """A test that passed: its module, its function, and whether it ran on the real CLI."""

    module: str
    function: str
    on_cli: bool

    def is_of(self, test: str) -> bool:
        """Whether it is a case of a test that a promise names."""
        module, _, function = test.partition("::")
        return self.module == module.replace("/", ".") and function in ("", self.function)


def promises() -> str:
    """Each promise with its tests, as Markdown."""
    return "\n\n".join(f"### {p.claim}\n\n{p.meaning}\n\nTests: {_tests(p)}." for p in PROMISES)


def cases(files: list[Path]) -> str:
    """How many cases of each promise passed, as a table.

    :param files: the JUnit files of the runs.
    """
    passed = [case for _, case in ran(files)]
    rows = ["| promise | cases | on the Pulumi CLI |", "|---|--:|--:|"]
    for promise in PROMISES:
        count = Counter(case.on_cli for case in passed if any(case.is_of(test) for test in promise.tests))
        rows.append(f"| {promise.claim} | {count.total()} | {count[True]} |")
    on_cli = sum(case.on_cli for case in passed)
    rows.append(f"\n{len(passed)} cases passed in all, {on_cli} of them on the Pulumi CLI.")
    return "\n".join(rows)


def ran(files: list[Path]) -> set[tuple[str, Ran]]:
    """What passed in some runs, each case once.

    :param files: the JUnit files of the runs.
    """
    found = (case for file in files for case in ET.parse(file).getroot().iter("testcase"))
    return {
        (f"{case.get('classname')}::{name}", Ran(_module(case), name.partition("[")[0], _is_cli(case)))
        for case in found
        if not {"skipped", "failure", "error"} & {child.tag for child in case}
        for name in [case.get("name", "")]
    }


def write(files: list[Path]) -> None:
    """Fill the page's sections, and print the table.

    :param files: the JUnit files of the runs; none leaves the table alone.
    """
    fill(PAGE, "promises", promises())
    if files:
        fill(PAGE, "cases", cases(files))
        print(cases(files))


def _tests(promise: Promise) -> str:
    """Links to the modules, each with the functions that are named."""
    parts = (test.partition("::") for test in promise.tests)
    modules = groupby(sorted((module, function) for module, _, function in parts), key=lambda part: part[0])
    links = []
    for module, named in modules:
        functions = ", ".join(f"`{function}`" for _, function in named if function)
        links.append(f"[`{module}`](../tests/{module}.py)" + (f" ({functions})" if functions else ""))
    return ", ".join(links)


def _module(case: ET.Element) -> str:
    return case.get("classname", "").removeprefix("tests.")


def _is_cli(case: ET.Element) -> bool:
    """Whether the CLI ran it; `test_imports` has cases named for modules, the command line's too."""
    on_cli = re.search(r"[\[-]cli\b", case.get("name", "")) is not None
    return on_cli and _module(case) != "test_imports"


if __name__ == "__main__":
    write([Path(name) for name in sys.argv[1:]])
