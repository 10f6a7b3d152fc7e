"""The README's reference, written from the docstrings: `make reference` puts it in its place."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pulumi_account
from pulumi_account import Activity, ApiKey, ApiKeyArgs, Balance, GetApiKeysResult, Key, Provider, Runway
from pulumi_account.api.models import DailyStats, KeyUsage, ModelUsage, UsageStats

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- reference: written by `make reference` -->"
END = "<!-- end of the reference -->"

FUNCTIONS = ("get_balance", "get_activity", "get_api_key", "get_api_keys", "require_balance", "runway")
#: what functions give, each after what it is made of is named
RESULTS = (Balance, Activity, UsageStats, DailyStats, ModelUsage, KeyUsage, Key, GetApiKeysResult, Runway)


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
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    arguments = signature.replace(parameters=plain, return_annotation=signature.empty)
    fields = {**_fields(function, "param"), **_fields(function, "raises")}
    table = ["| argument or error | meaning |\n|---|---|", _rows(fields)]
    return [f"\n### `{name}{arguments}`, `{name}_output(…)`", _summary(function), *table]


def _results() -> list[str]:
    """The types that functions give."""
    parts = []
    for kind in RESULTS:
        parts += [f"\n### `{kind.__name__}`", _summary(kind)]
        names = ", ".join(f"`{name}`" for name in _field_names(kind))
        parts.append(f"Fields: {names}.")
    return parts


def _field_names(kind: type) -> list[str]:
    """Those of a model or a dataclass, inherited ones included."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return [*getattr(kind, "model_fields")]  # noqa: B009 - a type checker knows of no models here


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
