"""A small dynamic provider for tests: its "server" is a folder with one JSON file for each thing.

The folder is named by the environment variable THINGS; every call is appended to its file `calls`.
A method listed in the input `fail` raises, and so do calls listed in the file `failing`; a method listed in the input
`covers` answers with secrets.
"""

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

_config: dict[str, Any] = {}
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def _folder() -> Path:
    return Path(os.environ["THINGS"])


def _call(method: str, props: dict[str, Any], id_: str = "", olds: dict[str, Any] | None = None) -> None:
    label = props.get("label")
    known = label if isinstance(label, str) else "?"
    where = {"pid": os.getpid(), "at": time.time(), "region": _config.get("account:region")}
    told = {"olds": sorted(olds or {}), "plain": _SIGNATURE not in repr((props, olds))}
    line = json.dumps({"method": method, "label": known, "id": id_, **where, **told})
    with open(_folder() / "calls", "a") as file:
        file.write(line + "\n")
    failing = _folder() / "failing"
    now = failing.read_text().splitlines() if failing.exists() else []
    if method in str(props.get("fail", "")).split(",") or f"{method} {known}" in now:
        raise ValueError(f"{method} of {known} has failed")
    time.sleep(float(props.get("delay", 0)) if method in ("create", "update", "delete") else 0)


def _covered(method: str, bag: dict[str, Any]) -> dict[str, Any]:
    """The bag as a method answers it: with what it has of these as secrets, one at the top and one below."""
    if method not in str(bag.get("covers", "")).split(","):
        return bag
    covered: dict[str, Any] = {k: _cover(bag[k]) for k in ("token", "secret") if k in bag}
    tags = {k: _cover(v) for k, v in (bag.get("tags") or {}).items()}
    return {**bag, **covered, **({"tags": tags} if tags else {})}


def _cover(value: Any) -> dict[str, Any]:
    return {_SIGNATURE: _SECRET, "value": value}


def _outs(props: dict[str, Any], token: str) -> dict[str, Any]:
    return {**{k: v for k, v in props.items() if k != "__provider"}, "token": token}


class Things(ResourceProvider):
    """Declared attributes only: it pickles as a reference."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the configuration, to hand it out as an output."""
        _config.update({k: req.config.get(k) for k in ("account:region", "account:token", "region", "token")})
        (_folder() / f"config-{os.getpid()}").write_text(json.dumps(req.config._props))

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Every input that is the text `wrong` is a failure; `reject` is one of the whole resource."""
        _call("check", news, olds=_olds)
        failures = [
            CheckFailure(k, f"{k} must not be wrong") for k, v in sorted(news.items()) if v == "wrong"
        ]
        if news.get("reject"):
            failures.append(CheckFailure("", str(news["reject"])))
        inputs = {k: v for k, v in news.items() if k != "__provider"}
        if news.get("generated"):
            inputs["serial"] = _olds.get("serial") or uuid.uuid4().hex[:7]
        return CheckResult(_covered("check", inputs), failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """`kind` replaces, anything else updates; with `shy` the engine has to find out."""
        _call("diff", _news, _id, _olds)
        if _news.get("shy"):
            return DiffResult()
        keys = ("label", "size", "tags", "kind", "fail", "secret", "serial")
        changed = any(_olds.get(k) != _news.get(k) for k in keys)
        replaces = ["kind"] if _olds.get("kind") != _news.get("kind") else []
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=bool(_news.get("before")))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Write the file."""
        _call("create", props)
        if props.get("say"):
            print(props["say"], flush=True)
        if props.get("die"):
            os._exit(9)
        id_ = f"{props['label']}-{uuid.uuid4().hex[:6]}"
        outs = _outs(props, f"token-of-{id_}")
        outs["region"] = _config.get("account:region") or ""
        outs["loopback"] = os.environ.get("ACCOUNT_LOOPBACK_ONLY")
        (_folder() / f"{id_}.json").write_text(json.dumps(outs))
        return CreateResult(id_, _covered("create", outs))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the file says; gone without it."""
        _call("read", props, id_)
        file = _folder() / f"{id_}.json"
        if not file.exists():
            return ReadResult("", {})
        outs = json.loads(file.read_text())
        ins = {k: v for k, v in outs.items() if k not in ("token", "region", "loopback")}
        return ReadResult(id_, _covered("read", outs), _covered("read", ins))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Write the file anew."""
        _call("update", _news, _id, _olds)
        outs = {
            **_outs(_news, _olds["token"]),
            "region": _olds.get("region", ""),
            "loopback": _olds["loopback"],
        }
        (_folder() / f"{_id}.json").write_text(json.dumps(outs))
        return UpdateResult(_covered("update", outs))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the file."""
        _call("delete", _props, _id)
        (_folder() / f"{_id}.json").unlink(missing_ok=True)


class Thing(Resource, module="account", name="Thing"):
    """A resource with any inputs."""

    token: pulumi.Output[str]
    region: pulumi.Output[str]
    loopback: pulumi.Output[str]
    size: pulumi.Output[float]
    serial: pulumi.Output[str]
    secret: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        outputs = {
            "loopback": None,
            "size": None,
            "token": None,
            "region": None,
            "serial": None,
            "secret": None,
        }
        super().__init__(Things(), name, {**outputs, "label": name, **props}, opts)


class Group(pulumi.ComponentResource):
    """A component."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("account:index:Group", name, {}, opts)
