"""Whatever page a user reads: its links lead somewhere, its code is code, and what it names exists."""

from __future__ import annotations

import re
from importlib.metadata import metadata

import pytest

from tests.support.pages import PAGES, README, ROOT, Page

EACH = pytest.mark.parametrize("page", PAGES, ids=str)


@pytest.mark.parametrize(("page", "link"), [(page, link) for page in PAGES for link in page.links], ids=str)
def test_links_lead_somewhere(page: Page, link: str) -> None:
    """Every link leads to an https page, or to a file, and there to a heading."""
    if link.startswith("https://"):
        return
    path, _, anchor = link.partition("#")
    target = ((ROOT / page.path).parent / path).resolve() if path else ROOT / page.path
    assert target.exists()
    assert not anchor or anchor in Page(str(target.relative_to(ROOT))).anchors


@EACH
def test_code_is_python(page: Page) -> None:
    """What a page shows as Python is Python."""
    for block in re.findall(r"^( *)```python\n(.*?)```", page.text, flags=re.DOTALL | re.MULTILINE):
        compile(re.sub(f"^{block[0]}", "", block[1], flags=re.MULTILINE), page.path, "exec")


@EACH
def test_named_arguments_exist(page: Page) -> None:
    """The names of the package that code on a page uses exist."""
    import pulumi_account

    for block in re.findall(r"```python\n(.*?)```", page.text, flags=re.DOTALL):
        for name in re.findall(r"\baccount\.(\w+)\(", block):
            assert hasattr(pulumi_account, name)


@EACH
def test_make_targets_exist(page: Page) -> None:
    """Every `make` command that is named is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|\$ )make (\w+)", page.text):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@EACH
def test_named_extras_exist(page: Page) -> None:
    """The extras that a page names can be installed."""
    extras = metadata("pulumi_account").get_all("Provides-Extra") or []
    named = re.findall(r"pulumi_account\[([\w,]+)\]", page.text)
    assert {extra for names in named for extra in names.split(",")} <= set(extras)


@EACH
def test_named_examples_exist(page: Page) -> None:
    """The examples and other files that a page names without a link exist."""
    for path in re.findall(r"`((?:examples|benchmarks|tests|docs|tools)/[\w./-]+)`", page.text):
        assert (ROOT / path).exists(), path


def test_the_readme_is_short() -> None:
    """A newcomer reads it in two minutes."""
    assert len(README.text.splitlines()) <= 130
