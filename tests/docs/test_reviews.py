"""`docs/reviews.md`: what the page shows is what the commands print."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jsonschema_rs
import pytest

from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.emulator import Emulator
from pulumi_account.review.render import SCHEMA
from pulumi_account.review.rules import DESCRIPTIONS
from tests.review.documents import ROTATING, created, deleted, rotated, step, updated, urn
from tests.support.canaries import PROVISIONING_KEY
from tests.support.pages import ROOT, Page
from tests.support.shell import environment, run

PAGE = Page("docs/reviews.md")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE.text, flags=re.MULTILINE)
NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
CREATED = datetime(2026, 1, 1, tzinfo=timezone.utc)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The account of the page, on the page's day."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50", activity_cache=0) as emulator:
        emulator.clock.offset = NOW - utc_now()
        for name, limit in {"production": 500, "batch-jobs": 10, "nightly-0": 90}.items():
            key_id, _ = emulator.add(name, credit_limit=limit)
            emulator.edit(key_id, created_at=format_instant(CREATED))
        emulator.add_usage(2, requests=34, cost="2.5", day=(NOW - timedelta(days=1)).date())
        yield emulator


@pytest.fixture
def path(tmp_path: Path, emulator: Emulator) -> str:
    """A PATH with a `pulumi` that prints the page's preview, and an export."""
    owner = {"owner": "berta"}
    kept = {"expires_at": "2031-01-01T00:00:00Z"}
    steps = [
        updated(
            "production",
            1,
            {"credit_limit": 500, "labels": owner, **kept},
            {"credit_limit": 800, "labels": owner, **kept},
        ),
        deleted("batch-jobs", 2, credit_limit=10, labels=owner),
        rotated("nightly-1", 3, "due since 2026-05-31T00:00:00Z", credit_limit=90, labels=owner),
        created("trial"),
        _secret("production-secret", urn("production")),
        _secret("nightly-secret", urn("nightly-1", ROTATING)),
    ]
    rotation = steps[2]
    rotation["oldState"]["inputs"]["generation"], rotation["newState"]["inputs"]["generation"] = 0, 1
    (tmp_path / "p.json").write_text(json.dumps({"steps": steps, "changeSummary": {"same": 3}}))
    (tmp_path / "e.json").write_text(json.dumps({"version": 3, "deployment": {"resources": []}}))
    program = tmp_path / "pulumi"
    program.write_text(
        f"#!/bin/sh\nif [ $1 = preview ]; then cat {tmp_path}/p.json; else cat {tmp_path}/e.json; fi\n"
    )
    program.chmod(0o700)
    return f"{tmp_path}:{environment(emulator)['PATH']}"


def _secret(name: str, source: str) -> dict[str, object]:
    depends = {"type": "kubernetes:core/v1:Secret", "propertyDependencies": {"data": [source]}}
    return step(
        "update", name, {**depends, "inputs": {"data": "[secret]"}}, {**depends, "inputs": {"data": UNKNOWN}}
    )


def test_the_commands(path: str, emulator: Emulator, tmp_path: Path) -> None:
    """The first three commands print the page's comment, and fail by two rules."""
    done = run(emulator, "bash", "-c", f"cd {tmp_path}\n" + "\n".join(COMMANDS[:3]), PATH=path)
    assert done.out == PAGE.shown("review")
    assert done.err.splitlines()[-1] == "rules that fail this review: delete-in-use, no-owner"
    assert done.status == 3


def test_the_json(path: str, emulator: Emulator, tmp_path: Path) -> None:
    """The last command writes a document of the schema."""
    run(emulator, "bash", "-c", f"cd {tmp_path}\n{COMMANDS[0]}\n{COMMANDS[-1]}", PATH=path)
    document = json.loads((tmp_path / "review.json").read_text())
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(document)


def test_trying_it(emulator: Emulator, tmp_path: Path) -> None:
    """Someone without an account or the CLI gets a comment with a balance."""
    project = Path("examples/environments")
    shutil.copytree(ROOT / project, tmp_path / project)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    start, settings, review = (command.replace("8000", port) for command in COMMANDS[4:7])
    start = start.replace("emulator", f"emulator --port {port}")
    script = "\n".join([f"cd {tmp_path}", "set -m", start, "trap 'kill %1' EXIT", settings, review])
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = run(emulator, "bash", "-c", script, PATH=path)
    assert re.search(
        r"^\*\*3 keys created · exposure .* USD \(\+80\.00\).*, balance .* USD\*\*$", done.out, re.MULTILINE
    )
    assert done.status == 0


def test_every_rule_is_described() -> None:
    """The table has the rules and their descriptions, in their order."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE.text, flags=re.MULTILINE)
    assert rows == list(DESCRIPTIONS.items())


def test_the_page_is_short() -> None:
    """One reader with one question reads it."""
    assert len(PAGE.text.splitlines()) < 200
