"""The README's reference, written from the docstrings: `make reference` puts it in its place."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pulumi_account
from pulumi_account import ApiKey, ApiKeyArgs, Balance, GetApiKeysResult, Key, Provider

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- reference: written by `make reference` -->"
END = "<!-- end of the reference -->"

FUNCTIONS = ("get_balance", "get_api_key", "get_api_keys")


def reference() -> str:
    """The whole reference, as Markdown."""
    parts = [
        "### `ApiKey(resource_name, …, opts=None)`",
        _summary(ApiKey),
        "| argument | meaning |\n|---|---|",
        _rows(_fields(ApiKeyArgs, "param")),
        "\n| output | meaning |\n|---|---|",
        _rows(_fields(ApiKey, "ivar")),
        "\n### `ApiKey.get(resource_name, id, opts=None)`",
        _summary(ApiKey.get),
        "### `Provider(resource_name, *, provisioning_key, endpoint=None, opts=None)`",
        _summary(Provider),
        "| argument | meaning |\n|---|---|",
        _rows(_fields(Provider, "param")),
        *(part for name in FUNCTIONS for part in _function(name)),
        *_results(),
    ]
    return "\n".join(parts)


def write() -> None:
    """Put the reference into the README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}", encoding="utf-8")


def _function(name: str) -> list[str]:
    function = getattr(pulumi_account, name)
    arguments = ", ".join(inspect.signature(function).parameters)
    fields = {**_fields(function, "param"), **_fields(function, "raises")}
    table = ["| argument or error | meaning |\n|---|---|", _rows(fields)]
    return [f"\n### `{name}({arguments})`, `{name}_output({arguments})`", _summary(function), *table]


def _results() -> list[str]:
    """The types that functions give."""
    parts = []
    for kind in (Balance, Key, GetApiKeysResult):
        parts += [f"\n### `{kind.__name__}`", _summary(kind)]
        names = ", ".join(f"`{name}`" for name in inspect.get_annotations(kind))
        parts.append(f"Fields: {names}.")
    return parts


def _summary(documented: object) -> str:
    """A docstring without its field list, as Markdown."""
    text = inspect.getdoc(documented) or ""
    return _markdown(re.split(r"^:\w+ ?\w*:", text, maxsplit=1, flags=re.MULTILINE)[0]) + "\n"


def _fields(documented: object, kind: str) -> dict[str, str]:
    """The fields of a docstring: ``:param name: meaning``."""
    text = inspect.getdoc(documented) or ""
    found = re.findall(rf"^:{kind} (\w+):((?:.*\n?)(?:[ ]+.*\n?)*)", text, flags=re.MULTILINE)
    return {name: _markdown(" ".join(meaning.split())) for name, meaning in found}


def _rows(fields: dict[str, str]) -> str:
    return "\n".join(f"| `{name}` | {meaning} |" for name, meaning in fields.items())


def _markdown(text: str) -> str:
    text = text.strip().replace("``", "`")
    return re.sub(r"(?<!`)`(exceptions)`", r"`pulumi_account.\1`", text)


if __name__ == "__main__":
    write()
