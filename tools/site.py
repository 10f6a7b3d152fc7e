"""The hook of the site's build: pages link to files outside of ``docs/``, and the site has these files, too.

A link such as ``../examples/rotation/__main__.py`` works where the repository is browsed. For the site each such file
becomes a page of its own: Markdown as it is, a folder as a list of its files, other text as a block of code.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_content", "on_page_markdown"]

LOG = logging.getLogger("mkdocs.hooks.site")
FOLDER = "source"
_LINK = re.compile(r"(\]\()(?!\w+:)([^)#\s]+)")
#: the beginning of a folded part, which is Markdown as it is on hosts of repositories; not in a block of code
_FOLDED = re.compile(r"^```.*?^```|^(<details>)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
_LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".toml": "toml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every file that a page links to, and that these link to.

    :param files: the files of the site.
    :param config: the site's configuration.
    """
    pages = [Path(config.docs_dir, file.src_uri) for file in files.documentation_pages()]
    added: set[Path] = set()
    while pages:
        for target in _targets(pages.pop(), config):
            if target not in added and not target.is_relative_to(config.docs_dir):
                added.add(target)
                pages.append(target)
                files.append(_file(target, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Lead links to files outside of ``docs/`` to their pages, and let folded parts be Markdown.

    :param markdown: the page's text.
    :param page: the page.
    :param config: the site's configuration.
    """
    path, folder = _path(page.file.src_uri, config), os.path.dirname(page.file.src_uri)

    def lead(link: re.Match[str]) -> str:
        target = _resolved(path, link[2], config)
        if target is None or (
            path.is_relative_to(config.docs_dir) and target.is_relative_to(config.docs_dir)
        ):
            return link[0]
        return link[1] + os.path.relpath(_uri(target, config), folder)

    def unfold(found: re.Match[str]) -> str:
        return '<details markdown="1">' if found[1] else found[0]

    return _FOLDED.sub(unfold, _LINK.sub(lead, markdown))


def on_page_content(html: str, page: Page, **_: object) -> None:
    """Warn of references without a definition, which Markdown leaves as they are; strict builds fail by it.

    :param html: the page's content.
    :param page: the page.
    """
    for reference in re.findall(r"\[[^\]\n]+\]\[[^\]\n]*\]", _CODE.sub("", html)):
        LOG.warning(
            "Doc file '%s' contains the reference %s, which is not defined.", page.file.src_uri, reference
        )


def _targets(path: Path, config: MkDocsConfig) -> Iterator[Path]:
    """The files that a page links to."""
    if path.is_dir():
        yield from _listed(path)
    elif path.suffix == ".md":
        found = _LINK.findall(path.read_text(encoding="utf-8"))
        yield from filter(None, (_resolved(path, link, config) for _, link in found))


def _resolved(path: Path, link: str, config: MkDocsConfig) -> Path | None:
    """The file that a link leads to, if the project has it."""
    target = Path(os.path.normpath((path if path.is_dir() else path.parent) / link))
    return target if target.exists() and target.is_relative_to(_root(config)) else None


def _root(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent


def _uri(path: Path, config: MkDocsConfig) -> str:
    """A file's place in the site."""
    if path.is_relative_to(config.docs_dir):
        return path.relative_to(config.docs_dir).as_posix()
    name = f"{FOLDER}/{path.relative_to(_root(config)).as_posix()}"
    return name if path.suffix in (".md", ".png", ".svg") else f"{name}.md"


def _path(uri: str, config: MkDocsConfig) -> Path:
    """The file that is in this place of the site."""
    outside, _, name = uri.partition(f"{FOLDER}/")
    if outside:
        return Path(config.docs_dir, uri)
    path = _root(config) / name
    return path if path.exists() else path.with_suffix("")


def _file(path: Path, config: MkDocsConfig) -> File:
    uri = _uri(path, config)
    if not uri.endswith(".md"):
        return File.generated(config, uri, abs_src_path=str(path))
    return File.generated(config, uri, content=_content(path, config), inclusion=InclusionLevel.NOT_IN_NAV)


def _content(path: Path, config: MkDocsConfig) -> str:
    """A file as a page; the search leaves out all but Markdown."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    if path.is_dir():
        text = "\n".join(f"- [`{file.name}`]({file.name})" for file in _listed(path))
    else:
        text = f"````{_LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}````"
    title = path.relative_to(_root(config)).as_posix()
    return f"---\nsearch:\n  exclude: true\n---\n\n# `{title}`\n\n{text}\n"


def _listed(folder: Path) -> list[Path]:
    """The files of a folder, without what a run leaves there."""
    return sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
