"""What LocalEngine reads before it runs anything: the project, its configuration, and where keys would be made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from pulumi_account.api.settings import is_loopback
from pulumi_account.testing.values import Properties, Secret


class ProjectError(Exception):
    """The project or its configuration cannot be run; the message says why, in one line."""


@dataclass(frozen=True)
class Project:
    """A folder with a Pulumi.yaml."""

    name: str
    root: Path
    program: Path
    defaults: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the program runs."""
        return self.program if self.program.is_dir() else self.program.parent


def check_name(what: str, name: str) -> None:
    """Refuse a stack's or project's name that the CLI refuses: paths are made of it."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name):
        raise ProjectError(
            f"{name!r} is no name of a {what}: it may have 1 to 100 letters, digits, hyphens, underscores and periods"
        )


def load_project(folder: Path) -> Project:
    """Read Pulumi.yaml in the folder or, as the CLI does, in the nearest one above that has it."""
    for root in (folder.resolve(), *folder.resolve().parents):
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (root / name).is_file():
                return _project(root / name)
    raise ProjectError(f"no Pulumi.yaml in {folder} or above")


def _project(file: Path) -> Project:
    text = _yaml(file)
    runtime = text.get("runtime")
    runtime = runtime.get("name") if isinstance(runtime, dict) else runtime
    if not text.get("name") or runtime != "python":
        raise ProjectError(f"{file} is not the project file of a Python program")
    check_name("project", str(text["name"]))
    return Project(
        str(text["name"]), file.parent, file.parent / text.get("main", "."), text.get("config") or {}
    )


def _yaml(file: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise ProjectError(f"{file}: {' '.join(str(error).split())}") from None


def load_config(
    project: Project, stack: str, config: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str | Secret]:
    """The stack's configuration: project defaults, then Pulumi.<stack>.yaml, then what the caller gives."""
    given = {_key(project, key): value for key, value in config.items()}
    hidden = {_key(project, key): Secret(value) for key, value in secrets.items()}
    found = {_key(project, key): _default(value) for key, value in project.defaults.items()}
    file = project.root / f"Pulumi.{stack}.yaml"
    stored = (_yaml(file).get("config") or {}) if file.exists() else {}
    for key, value in stored.items():
        if isinstance(value, dict) and "secure" in value:
            if key not in hidden and key not in given:
                raise ProjectError(f"{key} in {file.name} is encrypted: give it to LocalEngine as a secret")
        else:
            found[_key(project, key)] = value
    plain = {key: _text(value) for key, value in found.items() if value is not None}
    return {**plain, **given, **hidden}


def _key(project: Project, key: str) -> str:
    return key if ":" in key else f"{project.name}:{key}"


def _default(value: Any) -> Any:
    return value.get("value", value.get("default")) if isinstance(value, dict) else value


def _text(value: Any) -> str:
    if isinstance(value, date):
        return _time(value)
    return value if isinstance(value, str) else json.dumps(value)


def _time(value: date) -> str:
    """As the CLI, which is written in Go, has a date that YAML has read."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    fraction = f".{moment:%f}".rstrip("0").rstrip(".")
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {moment:%z} {f'{moment:%z}' if moment.utcoffset() else 'UTC'}"
    )


def check_endpoints(env: Mapping[str, str], config: Mapping[str, Any]) -> None:
    """Refuse to start when the environment or the configuration names an endpoint that is not loopback."""
    _require_loopback(env.get("ACCOUNT_ENDPOINT"), "ACCOUNT_ENDPOINT")
    check_inputs(config, "account:endpoint")


def check_inputs(inputs: Mapping[str, Any] | Properties, source: str) -> None:
    """Refuse an ``account:endpoint`` among the inputs of a provider that is not loopback."""
    _require_loopback(inputs.get("account:endpoint"), source)


def _require_loopback(endpoint: object, source: str) -> None:
    """LocalEngine must never make a real key. Of an endpoint that is refused no more than the host is told."""
    secret = isinstance(endpoint, Secret)
    text = str(endpoint.value if isinstance(endpoint, Secret) else endpoint or "")
    try:
        host = urlsplit(text).hostname
        allowed = not text or is_loopback(text)
    except ValueError:
        host, allowed = None, False
    if not allowed:
        what = f"is on {host}" if host and not secret else "names another"
        raise ProjectError(
            f"LocalEngine is for trying and testing and works with loopback endpoints only: {source} {what}"
        )
