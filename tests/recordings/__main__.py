"""Record previews with the CLI on the PATH: `python -m tests.recordings`."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pulumi_account.emulator import Emulator
from tests.recordings import HOME
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.cli import CliEngine
from tests.support.projects import write_project

_PREFIX = "urn:pulumi:dev::recorded::"
_DIFFS = {"diff": ("--diff",), "sames": ("--show-sames",), "steps": ("--show-replacement-steps",)}


def main() -> None:
    """Record every preview."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as own,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu,
        tempfile.TemporaryDirectory() as scratch,
    ):
        _record(own, eu, Path(scratch))
    with Emulator(provisioning_key=PROVISIONING_KEY) as own, tempfile.TemporaryDirectory() as scratch:
        _record_moves(own, Path(scratch))


def _record(own: Emulator, eu: Emulator, scratch: Path) -> None:
    project = scratch / "project"
    project.mkdir()
    write_project(project, (HOME / "program.py").read_text(), "recorded")
    shutil.copy(HOME / "consumer.py", project)
    legacy, _ = own.add("legacy", credit_limit=90)
    engine = CliEngine(
        *(project, scratch / "cli"),
        stack="dev",
        config={"step": "1", "eu": eu.url, "legacy": str(legacy)},
        secrets={
            "account:provisioningKey": PROVISIONING_KEY,
            "euKey": OTHER_PROVISIONING_KEY,
            "secretName": "hidden",
        },
        env={"ACCOUNT_ENDPOINT": own.url},
    )
    _keep(engine, "first")
    assert engine.up().ok
    engine.configure({"step": "2"}, {})
    for name, options in _DIFFS.items():
        _keep(engine, f"changes-{name}", *options)
    production = f"{_PREFIX}pulumi-python:dynamic/account:ApiKey::production"
    _keep(engine, "target", "--target", production)
    _keep(engine, "replace", "--replace", production)
    disabled = next(key["id"] for key in own.keys() if key["name"] == "disabled")
    own.edit(disabled, credit_limit=70)
    _keep(engine, "refresh", "--refresh")
    engine.configure({"step": "3"}, {})
    _keep(engine, "adopt", "--show-reads")
    own.remove(disabled)
    _keep(engine, "gone", "--refresh")
    engine.configure({"step": "4"}, {})
    _keep(engine, "failed")
    engine.configure({"step": "1"}, {})
    _keep(engine, "nothing", "--show-sames")
    engine._env["ACCOUNT_CLOCK_OFFSET"] = "3456000"
    _keep(engine, "due")
    _keep_command(engine, "destroy", "destroy", "--preview-only", "--json", "--ignore-protect")
    _write("export", engine.export())


def _record_moves(own: Emulator, scratch: Path) -> None:
    project = scratch / "project"
    project.mkdir()
    write_project(project, (HOME / "moves.py").read_text(), "recorded")
    shutil.copy(HOME / "consumer.py", project)
    secrets = {"account:provisioningKey": PROVISIONING_KEY}
    engine = CliEngine(
        project,
        scratch / "cli",
        stack="dev",
        config={"step": "1"},
        secrets=secrets,
        env={"ACCOUNT_ENDPOINT": own.url},
    )
    assert engine.up().ok
    own.add_usage(next(key["id"] for key in own.keys() if key["name"] == "left-behind"), requests=1)
    engine.configure({"turn": "1"}, {})
    assert not engine.up().ok  # the replaced key is in use, so it stays until the next run
    ids = {key["name"]: str(key["id"]) for key in own.keys()}
    engine.configure({"step": "2", "moved": ids["moved"], "same": ids["read-same"]}, {})
    _keep(engine, "moves")
    _keep(engine, "moves-steps", "--show-replacement-steps", "--show-sames", "--show-reads")
    _write("moves-export", engine.export())
    engine.configure({"step": "3"}, {})
    _keep(engine, "protected")


def _keep(engine: CliEngine, name: str, *options: str) -> None:
    _keep_command(engine, name, "preview", "--json", *options)


def _keep_command(engine: CliEngine, name: str, *command: str) -> None:
    done = engine._call(*command)
    _write(name, json.loads(done.stdout))


def _write(name: str, document: dict[str, Any]) -> None:
    """One step a line, without what differs from run to run."""
    steps = document.get("steps") or document["deployment"]["resources"]
    text = (
        "{\n"
        + ",\n".join(f" {json.dumps(key)}: {_lines(_scrubbed(value))}" for key, value in document.items())
        + "\n}\n"
    )
    assert json.loads(text)
    assert steps
    assert_clean(text)
    (HOME / f"{name}.json").write_text(text)


def _lines(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]"
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"  {json.dumps(k)}: {_lines(v)}" for k, v in value.items()) + "\n }"
    return json.dumps(value)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _scrubbed(item)
            for key, item in value.items()
            if key not in ("sourcePosition", "stackTrace", "duration", "manifest", "secrets_providers")
        }
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if not isinstance(value, str):
        return value
    # neither the emulator's port nor a folder of this machine
    value = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:1", value)
    return re.sub(r"(?:/[^\s\"/]+)+/(bin|lib)/", r"/usr/\1/", value)


if __name__ == "__main__":
    main()
