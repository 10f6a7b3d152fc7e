"""Reads the project and its configuration, and refuses endpoints that are not on this machine."""

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
from pulumi_account.testing.values import Secret


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
        """The working directory of the program."""
        return self.program if self.program.is_dir() else self.program.parent

    def key(self, key: str) -> str:
        """The configuration key with its namespace, by default the project's name."""
        return key if ":" in key else f"{self.name}:{key}"


def check_name(what: str, name: str) -> None:
    """Refuse the name of a stack or project that the CLI refuses: paths contain it."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name):
        raise ProjectError(
            f"{name!r} is not a valid {what} name: use 1 to 100 letters, digits, hyphens, underscores and periods"
        )


def load_project(folder: Path) -> Project:
    """Read Pulumi.yaml in the folder or, as the CLI does, in the nearest parent that has it."""
    folders = (folder.resolve(), *folder.resolve().parents)
    files = (root / name for root in folders for name in ("Pulumi.yaml", "Pulumi.yml"))
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise ProjectError(f"no Pulumi.yaml in {folder} or above")
    text = read_yaml(file)
    runtime = text.get("runtime")
    runtime = runtime.get("name") if isinstance(runtime, dict) else runtime
    if not text.get("name") or runtime != "python":
        raise ProjectError(f"{file} is not the project file of a Python program")
    name = str(text["name"])
    check_name("project", name)
    return Project(name, file.parent, file.parent / text.get("main", "."), text.get("config") or {})


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        return yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise ProjectError(f"{file}: {' '.join(str(error).split())}") from None


def load_config(
    project: Project, stack: str, config: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str | Secret]:
    """The stack's configuration: the project's defaults, then Pulumi.<stack>.yaml, then the caller's values."""
    given: dict[str, str | Secret] = {project.key(key): value for key, value in config.items()}
    given |= {project.key(key): Secret(value) for key, value in secrets.items()}
    found = {project.key(key): _default(value) for key, value in project.defaults.items()}
    file = project.root / f"Pulumi.{stack}.yaml"
    stored = (read_yaml(file).get("config") or {}) if file.exists() else {}
    for key, value in stored.items():
        if not (isinstance(value, dict) and "secure" in value):
            found[project.key(key)] = value
        elif key not in given:
            raise ProjectError(f"{key} in {file.name} is encrypted: give it to LocalEngine as a secret")
    return {key: _text(value) for key, value in found.items() if value is not None} | given


def _default(value: Any) -> Any:
    return value.get("value", value.get("default")) if isinstance(value, dict) else value


def _text(value: Any) -> str:
    """A value from YAML as the CLI, which is written in Go, gives it to the program."""
    if not isinstance(value, date):
        return value if isinstance(value, str) else json.dumps(value)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    fraction = f".{moment:%f}".rstrip("0").rstrip(".")
    zone = f"{moment:%z}" if moment.utcoffset() else "UTC"
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {moment:%z} {zone}"


def check_endpoints(env: Mapping[str, str], config: Mapping[str, Any]) -> None:
    """Refuse to start when the environment or the configuration names an endpoint that is not loopback."""
    check_endpoint(env.get("ACCOUNT_ENDPOINT"), "ACCOUNT_ENDPOINT")
    check_endpoint(config.get("account:endpoint"), "account:endpoint")


def check_endpoint(endpoint: object, source: str) -> None:
    """Refuse an endpoint that could make a real key. The error names its source and at most its host."""
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
            f"LocalEngine is for experiments and tests and accepts loopback endpoints only: {source} {what}"
        )
