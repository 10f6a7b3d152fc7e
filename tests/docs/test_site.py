"""The site's build is strict, and the site needs no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sections import DOCS, ROOT

#: what is made by hand; the reference is as long as the docstrings
WRITTEN = [page for page in DOCS.rglob("*.md") if page.parent.name != "reference"]


def copied(folder: Path) -> Path:
    """Fill a folder with a project that has a copy of the documents; all else is this one's."""
    for path in ROOT.iterdir():
        if path.name not in ("docs", "site") and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    shutil.copytree(DOCS, folder / "docs")
    return folder


def build(project: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does."""
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(project / "mkdocs.yml")]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    shutil.rmtree(
        project / "site", ignore_errors=True
    )  # the tests are on it, with the credentials that they use
    return done


#: what is added to a page, and the error
GONE = {
    "[gone](gone.md)": "'gone.md', but the target is not found",
    "[gone](../examples/gone.py)": "'../examples/gone.py', but the target is not found",
    "![gone](gone.png)": "'gone.png', but the target is not found",
    "[gone](reliability.md#gone)": "does not contain an anchor '#gone'",
    "[gone](#gone)": "there is no such anchor on this page",
    "[gone][nowhere]": "the reference [gone][nowhere], which is not defined",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The build of a site with each mistake once."""
    folder = copied(tmp_path_factory.mktemp("broken"))
    with open(folder / "docs" / "design.md", "a", encoding="utf-8") as page:
        page.write("\n" + "\n\n".join(GONE) + "\n")
    (folder / "docs" / "orphan.md").write_text("# Orphan\n")
    (folder / "docs" / "decisions" / "previews.md").unlink()
    return build(folder)


@pytest.mark.parametrize(("text", "error"), GONE.items())
def test_a_broken_link_fails(broken: subprocess.CompletedProcess[str], text: str, error: str) -> None:
    """A link, a picture, an anchor or a reference that leads nowhere ends the build."""
    ends_the_build(broken, error)


def ends_the_build(done: subprocess.CompletedProcess[str], error: str) -> None:
    """Check that this error, alone, would end the build, as every warning does."""
    warnings = re.findall(r"^WARNING .*(?:\n  .*)*", done.stderr, flags=re.MULTILINE)
    assert any(error in warning for warning in warnings), done.stderr
    assert done.returncode != 0
    assert f"Aborted with {len(warnings)} warnings in strict mode!" in done.stdout


def test_a_page_in_no_menu_fails(broken: subprocess.CompletedProcess[str]) -> None:
    """Every page is in the menu."""
    ends_the_build(broken, "orphan.md")


def test_a_page_that_the_menu_lacks_fails(broken: subprocess.CompletedProcess[str]) -> None:
    """Every entry of the menu is a page."""
    ends_the_build(broken, "A reference to 'decisions/previews.md' is included in the 'nav' configuration")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    return folder


def test_the_site_loads_nothing(site: Path) -> None:
    """No page loads a script, a style, a font or a picture from elsewhere."""
    loads = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")
    assert not {
        tag for page in site.rglob("*.html") for tag in loads.findall(page.read_text(encoding="utf-8"))
    }


def test_the_styles_load_nothing(site: Path) -> None:
    """No style sheet loads from elsewhere."""
    styles = (style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
    assert not any(re.search(r"(?:@import|url\()\s*[\"']?https?:", text) for text in styles)


def test_files_outside_the_documents_have_pages(site: Path) -> None:
    """What a page links to beside the documents is in the site: text as a page, a picture as it is."""
    assert (site / "source" / "examples" / "monitoring" / "alerts.yml.html").is_file()
    assert (site / "source" / "examples" / "monitoring" / "report.png").is_file()
    assert (site / "source" / "benchmarks" / "RESULTS.html").is_file()


def test_folded_parts_are_markdown(site: Path) -> None:
    """The lists in a review's folded parts are lists, as on hosts of repositories."""
    folded = re.findall(
        r"<details>.*?</details>", (site / "review-walk.html").read_text(encoding="utf-8"), re.DOTALL
    )
    assert folded
    assert all("<li>" in part for part in folded)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_pages_are_short(page: Path) -> None:
    """A page answers one question, in less than 200 lines."""
    assert len(page.read_text(encoding="utf-8").splitlines()) < 200
