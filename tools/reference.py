"""The pages of the reference, written from the docstrings: `make reference` fills them."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import pulumi_account
from pulumi_account import exceptions, policy_pack, testing
from pulumi_account.api import models
from pulumi_account.emulator import Emulator, faults
from tools import command_line, reliability, rooms, series
from tools.sections import DOCS, fill

__all__ = ["FOLDER", "pages", "write"]

FOLDER = DOCS / "reference"

FUNCTIONS = ("get_balance", "get_activity", "get_api_key", "get_api_keys", "require_balance", "runway")
#: what functions return
RESULTS = (
    "Balance",
    "Activity",
    "UsageStats",
    "DailyStats",
    "ModelUsage",
    "KeyUsage",
    "Key",
    "GetApiKeysResult",
)
FAULTS = ("Fault", "Answer", "Drop", "Hang", "HalfBody", "Drip", "Edit")


def pages() -> dict[str, str]:
    """The generated text of each page, by the page's name."""
    errors = (pulumi_account.FunctionError, pulumi_account.InsufficientBalanceError)
    return {
        "resources": _join(_resources()),
        "functions": _join(map(_function, FUNCTIONS)),
        "rules": _join(map(_rules, (pulumi_account.check_rules, policy_pack.policies))),
        "results": _join(map(_result, [*map(_model, RESULTS), pulumi_account.Runway])),
        "client": _join([*_class(pulumi_account.AccountClient), _result(pulumi_account.CreatedKey)]),
        "errors": _join([_summary(exceptions), *(f"## `{e.__name__}`\n\n{_summary(e)}" for e in errors)]),
        "testing": _join(
            [*_class(testing.LocalEngine), _result(testing.Result), *_class(testing.AccountMocks)]
        ),
        "emulator": _join([*_class(Emulator), *(_fault(getattr(faults, name)) for name in FAULTS)]),
    }


def write() -> None:
    """Fill the section of each page."""
    for name, text in pages().items():
        fill(FOLDER / f"{name}.md", "reference", text)


def _resources() -> list[str]:
    rotating = pulumi_account.RotatingApiKey
    api_key, key_set, provider = pulumi_account.ApiKey, pulumi_account.KeySet, pulumi_account.Provider
    return [
        _heading("## ", "ApiKey", "ApiKey(resource_name, …, opts=None)"),
        _summary(api_key),
        _table("argument", _fields(pulumi_account.ApiKeyArgs, "param")),
        _table("output", _fields(api_key, "ivar")),
        _heading("## ", "ApiKey.get", "ApiKey.get(resource_name, id, opts=None)"),
        _summary(api_key.get),
        _heading("## ", "RotatingApiKey", "RotatingApiKey(resource_name, …, opts=None)"),
        _summary(rotating),
        _table("argument", _fields(pulumi_account.RotatingApiKeyArgs, "param")),
        _table("output", _fields(rotating, "ivar")),
        _heading("### ", "RetiredKey", "RetiredKey(key_id, name, expires_at)"),
        _summary(pulumi_account.RetiredKey),
        _heading("## ", "KeySet", f"KeySet{_arguments(key_set)}"),
        _summary(key_set),
        _table("argument", _fields(key_set, "param")),
        _table("output", _fields(key_set, "ivar")),
        _heading("## ", "Provider", f"Provider{_arguments(provider)}"),
        _summary(provider),
        _table("argument", _fields(provider, "param")),
    ]


def _function(name: str) -> str:
    function = getattr(pulumi_account, name)
    fields = {**_fields(function, "param"), **_fields(function, "raises")}
    heading = _heading("## ", name, f"{name}{_arguments(function)}\n{name}_output(…)")
    return _join([heading, _summary(function), _table("argument or error", fields)])


def _rules(function: Callable[..., object]) -> str:
    fields = {**_fields(function, "param"), **_fields(function, "raises")}
    name = function.__name__
    heading = _heading("## ", name, f"{name}{_arguments(function)}")
    return _join([heading, _summary(function), _table("argument or error", fields)])


def _class(kind: type) -> list[str]:
    """A class with its public methods."""
    fields = {**_fields(kind, "param"), **_fields(kind, "raises")}
    parts = [_class_heading(kind), _summary(kind), _table("argument or error", fields)]
    for name, member in vars(kind).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        signature = f"{name}{_arguments(member)}" if inspect.isfunction(member) else ""
        parts += [_heading("### ", name, signature), _summary(member)]
        parts.append(_table("argument or error", {**_fields(member, "param"), **_fields(member, "raises")}))
    return parts


def _result(kind: type) -> str:
    names = ", ".join(f"`{name}`" for name in _field_names(kind))
    return _join([f"## `{kind.__name__}`", _summary(kind), f"Fields: {names}."])


def _fault(kind: type) -> str:
    fields = _table("argument", _fields(kind, "param"))
    return _join([_class_heading(kind), _summary(kind), fields])


def _class_heading(kind: type) -> str:
    return _heading("## ", kind.__name__, f"{kind.__name__}{_arguments(kind)}")


def _heading(level: str, name: str, signature: str) -> str:
    """A short heading, which has a short anchor, and the signature below it."""
    lines = [textwrap.fill(line, 88, subsequent_indent="    ") for line in signature.splitlines()]
    code = "\n".join(["```python", *lines, "```"])
    return f"{level}`{name}`\n\n{code}" if signature else f"{level}`{name}`"


def _model(name: str) -> type:
    """A result, whether the package or the client's models define it."""
    model: type = getattr(pulumi_account, name, None) or getattr(models, name)
    return model


def _field_names(kind: Any) -> list[str]:
    """Those of a pydantic model or a dataclass, with the inherited ones."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return [*kind.model_fields]


def _arguments(function: Callable[..., object]) -> str:
    """A signature without types, `self` and `cls`, and with defaults as a program writes them."""
    signature = inspect.signature(function)
    names = [
        p.replace(annotation=p.empty) for n, p in signature.parameters.items() if n not in ("self", "cls")
    ]
    text = str(signature.replace(parameters=names, return_annotation=signature.empty))
    text = (
        text.replace(repr(sys.executable), "sys.executable")
        .replace("mappingproxy({})", "{}")
        .replace("'", '"')
    )
    return re.sub(r"<factory>", "…", re.sub(r"<function (\w+) [^>]*>", r"\1", text))


def _summary(documented: object) -> str:
    """A docstring without its list of fields, its blocks of code in fences."""
    text = re.split(r"^:\w+ ?\w*:", _text(documented), maxsplit=1, flags=re.MULTILINE)[0]
    return re.sub(r"^(?:::\n\n)?((?:    .*\n)(?:    .*\n|\n)*)", _fenced, text, flags=re.MULTILINE).strip()


def _fields(documented: object, kind: str) -> dict[str, str]:
    """The fields of a docstring: ``:param name: meaning``."""
    found = re.findall(rf"^:{kind} (\w+):((?:.*\n?)(?:[ ]+.*\n?)*)", _text(documented), flags=re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _text(documented: object) -> str:
    text = (inspect.getdoc(documented) or "").replace("``", "`") + "\n"
    return re.sub(r"(?<!`)`(exceptions)`", r"`pulumi_account.\1`", text)


def _fenced(block: re.Match[str]) -> str:
    language = "text" if block[0].startswith("::") else "python"
    return f"```{language}\n{textwrap.dedent(block[1]).strip()}\n```\n\n"


def _table(head: str, fields: dict[str, str]) -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in fields.items())
    return f"| {head} | meaning |\n|---|---|\n{rows}" if rows else ""


def _join(parts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, parts))


if __name__ == "__main__":
    write()
    command_line.write()
    reliability.write([])
    series.write()
    fill(DOCS / "design.md", "rooms", rooms.table(modules=False))
