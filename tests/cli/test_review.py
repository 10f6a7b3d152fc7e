"""`review`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pulumi_account.common.instants import format_instant
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.recordings import HOME
from tests.review.documents import created, deleted, state, step, updated
from tests.support.shell import Done, Shell, run

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a preview with these steps to a file of this name."""

    def write(*steps: dict[str, Any], name: str = "preview.json") -> str:
        path = tmp_path / name
        path.write_text(json.dumps({"steps": steps, "changeSummary": {}}))
        return str(path)

    return write


@pytest.fixture
def alone(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands without credentials."""
    monkeypatch.delenv("ACCOUNT_PROVISIONING_KEY")
    return shell


def _delete(emulator: Emulator, name: str = "a") -> dict[str, Any]:
    """The deletion of a key that the account has, and that was used."""
    key_id, _ = emulator.add(name, credit_limit=50)
    emulator.add_usage(key_id, requests=3, cost="1.5")
    step_ = deleted(name, key_id, credit_limit=50)
    key = next(key for key in emulator.keys() if key["id"] == key_id)
    step_["oldState"]["outputs"]["created_at"] = format_instant(key["created_at"])
    return step_


def test_a_review_with_an_account(shell: Shell, emulator: Emulator, write: Write) -> None:
    """Three calls, whatever the number of keys; the finding says how the key was used."""
    emulator.balance = "125.50"
    done = shell("review", write(_delete(emulator), _delete(emulator, "b")))
    assert emulator.calls.operations == ["get_balance", "list_keys", "get_activity"]
    assert (
        "**2 keys deleted · exposure 97.00 → 0.00 USD (\N{MINUS SIGN}97.00), balance 125.50 USD**" in done.out
    )
    day = emulator.clock.now().date()
    text = f"is deleted, but in use: 3 requests, 1.50 USD in the last 30 days, last on {day} or before"
    assert f"- ⚠️ `a`, `b`: each {text} · `delete-in-use`" in done.lines
    assert done.status == 0


def test_a_review_without_credentials(alone: Shell, emulator: Emulator, write: Write) -> None:
    """There is no call, and the review says what it does not know."""
    done = alone("review", write(_delete(emulator)))
    assert emulator.calls.operations == []
    problem = "not known: the account's balance, keys and use. ACCOUNT_PROVISIONING_KEY is not set"
    assert problem in done.out
    assert "- not checked: the use of 1 key is not known · `delete-in-use`" in done.lines


def test_a_refusal(shell: Shell, emulator: Emulator, write: Write) -> None:
    """After a refusal there is no further call, and the review says so."""
    emulator.faults.add(Fault(Answer(403), times=None))
    done = shell("review", write(_delete(emulator)), "--format", "json")
    assert (done.status, emulator.calls.operations) == (0, ["get_balance"])
    (problem,) = done.json["problems"]
    assert problem.startswith("not known: the account's balance, keys and use. ")
    assert done.json["balance"] is None


def test_the_accounts_clock(shell: Shell, emulator: Emulator, write: Write) -> None:
    """Expiries are compared with the account's clock, not with this machine's."""
    emulator.clock.offset = timedelta(days=36500)
    one = write(created("a", expires_at=format_instant(emulator.clock.now() + timedelta(days=29))))
    assert "· `expires-soon`" in shell("review", one).out


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 0),
        (["--fail-on", "no-owner"], 3),
        (["--fail-on", "no-limit,expires-soon"], 0),
        (["--fail-on", "unprotected", "--fail-on", "no-owner"], 3),
        (["--fail-on", "exposure-over-balance"], 0),
        (["--deny", "exposure-over-balance"], 3),
        (["--deny", "no-limit"], 0),
        (["--fail-on", "limit-too-high", "--max-limit", "4"], 3),
        (["--fail-on", "limit-too-high", "--max-limit", "5"], 0),
        (["--fail-on", "expires-too-late", "--max-lifetime", "89d"], 3),
        (["--fail-on", "bad-name", "--name-pattern", "[b-z]"], 3),
        (["--fail-on", "over-budget", "--budget", "4.99"], 3),
        (["--fail-on", "over-budget", "--budget", "search=4"], 3),
        (["--fail-on", "over-budget", "--budget", "other=4"], 0),
        (["--fail-on", "unprotected", "--production", "live"], 3),
    ],
)
def test_the_status(options: list[str], status: int, alone: Shell, write: Write) -> None:
    """3 if a rule of --fail-on finds something, or one of --deny also if it could not be checked."""
    one = created("a", credit_limit=5, expires_in="90d", labels={"team": "search", "environment": "live"})
    assert alone("review", write(one), *options).status == status


def test_the_rules_that_fail_are_named(alone: Shell, write: Write) -> None:
    """The review is printed, and stderr names the rules."""
    done = alone("review", write(created("a")), "--fail-on", "no-owner,no-limit")
    assert done.err == "rules that fail this review: no-limit, no-owner\n"
    assert "- ⛔ `a`: has no label owner · `no-owner`" in done.lines


@pytest.mark.parametrize(("factor", "status"), [("", 3), (":2", 3), (":3", 0)])
def test_a_factor(factor: str, status: int, alone: Shell, write: Write) -> None:
    """The factor of `limit-raised` is 2, or follows a colon."""
    one = write(updated("a", 1, {"credit_limit": 10}, {"credit_limit": 30}))
    assert alone("review", one, "--fail-on", f"limit-raised{factor}").status == status


def test_the_share_of_removed_keys(alone: Shell, write: Write) -> None:
    """--max-removed moves the threshold of `mass-removal`."""
    one = write(
        deleted("a", 1), deleted("b", 2), *(step("same", n, state(n, 9), state(n, 9)) for n in "cdef")
    )
    assert alone("review", one, "--fail-on", "mass-removal").status == 3
    assert alone("review", one, "--fail-on", "mass-removal", "--max-removed", "34%").status == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--fail-on", "none-such"],
        ["--fail-on", "no-owner:3"],
        ["--fail-on", "limit-raised:x"],
        ["--fail-on", "limit-raised:0.5"],
        ["--deny", ""],
        ["--max-removed", "25"],
        ["--max-removed", "101%"],
        ["--max-removed", "x%"],
        ["--max-lifetime", "1y"],
        ["--name-pattern", "["],
        ["--budget", "search=x"],
        ["--commit", "main"],
        ["--commit", "abcdef0 -->"],
        ["-", "-"],
    ],
)
def test_wrong_usage(options: list[str], alone: Shell, write: Write) -> None:
    """An option that cannot be meant ends with status 2, before anything is printed."""
    done = alone("review", write(created("a")), *options)
    assert (done.status, done.out) == (2, "")


def test_several_stacks(alone: Shell, write: Write) -> None:
    """One review of several previews; two of the same stack are an error."""
    here, there = (
        write(created("a")),
        write({**created("b"), "urn": "urn:pulumi:prod::keys::t::b"}, name="other.json"),
    )
    assert alone("review", there, here, "--format", "json").json["stacks"] == ["keys/dev", "keys/prod"]
    done = alone("review", here, here)
    assert done.err == f"error: {here}: another preview of the same stack is given\n"
    assert done.status == 1


def test_an_export(alone: Shell) -> None:
    """With the stack's export, the exposure covers the keys that do not change."""
    preview, export = str(HOME / "changes-diff.json"), str(HOME / "export.json")
    assert alone("review", preview, "--format", "json").json["exposure"]["covers"] == "changes"
    assert (
        alone("review", preview, "--stack", export, "--format", "json").json["exposure"]["covers"] == "stacks"
    )
    assert alone("review", preview, "--stack", preview).err.endswith(
        "not what `pulumi stack export` prints\n"
    )


def test_stdin(emulator: Emulator) -> None:
    """Without an argument, the preview comes from stdin, and the comment is UTF-8 whatever the locale is."""
    command = f"pulumi-account review < {HOME / 'first.json'}"
    done = run(emulator, "sh", "-c", command, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "**13 keys created · exposure 0.00 → 577.00 USD (+577.00)" in done.out


def test_a_preview_that_failed(alone: Shell) -> None:
    """One line, and no comment that a reviewer could take for complete."""
    done = alone("review", str(HOME / "failed.json"))
    assert (done.status, done.out) == (1, "")
    reason = "so it does not show every change; `pulumi preview` without --json shows why"
    assert done.err.endswith(f"failed.json: the preview failed, {reason}\n")


@pytest.mark.parametrize(
    ("variables", "options", "commit"),
    [
        ({}, [], "unknown"),
        ({"GITHUB_SHA": "abcdef0"}, [], "abcdef0"),
        ({"CI_COMMIT_SHA": "abcdef1"}, [], "abcdef1"),
        ({"GITHUB_SHA": "--> x"}, [], "unknown"),
        ({"GITHUB_SHA": "abcdef0"}, ["--commit", "abcdef2"], "abcdef2"),
    ],
)
def test_the_commit(
    variables: dict[str, str],
    options: list[str],
    commit: str,
    alone: Shell,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the option, or from a service that runs workflows."""
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "CIRCLE_SHA1"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done: Done = alone("review", write(created("a")), *options)
    assert done.lines[0] == f"<!-- pulumi-account-review stack=keys/dev commit={commit} -->"


def test_the_schema(alone: Shell, write: Write) -> None:
    """The schema that the command prints describes what it prints."""
    schema = alone("review", "--schema").json
    document = alone("review", write(created("a")), "--format", "json").json
    jsonschema_rs.validator_for(schema).validate(document)
    assert document["version"] == schema["properties"]["version"]["const"]


def test_every_rule_has_a_line(alone: Shell) -> None:
    """The help lists the rules, one line each."""
    from pulumi_account.review.rules import DESCRIPTIONS

    lines = alone("review", "--help").lines
    for name, text in DESCRIPTIONS.items():
        assert [line.split(maxsplit=1)[1] for line in lines if re.match(rf"\s+{name}\s\s+", line)] == [text]
