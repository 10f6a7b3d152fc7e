"""`keys list`, `keys show` and `keys unmanaged`."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.common.instants import utc_now
from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support import ROOT
from tests.support.canaries import PLAINTEXT
from tests.support.shell import Shell

RESERVATION = RESERVATION_PREFIX + "0f" * 16
CREATED = "2026-01-01T00:00:00Z"


def add(emulator: Emulator, name: str, **fields: Any) -> int:
    """A key, made long ago."""
    key_id, _ = emulator.add(name, **fields)
    emulator.edit(key_id, created_at=CREATED)
    return key_id


def ids(shell: Shell, *arguments: str) -> list[int]:
    """The ids that a list has."""
    return [row["id"] for row in shell("keys", "list", *arguments, "--json").json]


# --- list


@pytest.mark.parametrize(("form", "out"), [([], ""), (["--json"], "[]\n")])
def test_no_keys(form: list[str], out: str, shell: Shell) -> None:
    """An empty result, with a line on stderr for people."""
    done = shell("keys", "list", *form)
    assert (done.status, done.out, done.err) == (0, out, "" if form else "no keys\n")


def test_no_keys_in_csv(shell: Shell) -> None:
    """The header is there even without rows."""
    header = "id,name,credit_limit,is_enabled,state,expires_at,created_at,spend,limit_used,owner"
    assert shell("keys", "list", "--csv").csv == [header]


def test_a_key_in_every_form(shell: Shell, emulator: Emulator) -> None:
    """The names that programs rely on, exact amounts, instants in UTC."""
    add(emulator, "k", credit_limit="0.30", expires_at="2040-01-01T01:00:00+01:00", is_enabled=False)
    emulator.add_usage(1, cost="0.06")
    assert shell("keys", "list", "--json").json == [
        {
            "id": 1,
            "name": "k",
            "credit_limit": "0.30",
            "is_enabled": False,
            "state": "disabled",
            "expires_at": "2040-01-01T00:00:00Z",
            "created_at": CREATED,
            "spend": "0.06",
            "limit_used": "0.2",
            "owner": None,
        }
    ]
    fields = f"1,k,0.30,false,disabled,2040-01-01T00:00:00Z,{CREATED},0.06,0.2,"
    assert shell("keys", "list", "--csv").csv[1] == fields
    cells = ["1", "k", "0.30", "disabled", "2040-01-01T00:00:00Z", "0.06", "20.0%"]
    assert shell("keys", "list").lines[1].split() == cells


def test_states(shell: Shell, emulator: Emulator) -> None:
    """Active, disabled, expired, or a reservation; without a limit or an expiry, words say so."""
    soon = utc_now() + timedelta(minutes=30)
    add(emulator, "a")
    add(emulator, "b", is_enabled=False)
    add(emulator, "c", expires_at="2020-01-01T00:00:00Z", is_enabled=False)
    add(emulator, RESERVATION, credit_limit=0, expires_at=soon)
    assert [row["state"] for row in shell("keys", "list", "--json").json] == [
        "active",
        "disabled",
        "expired",
        "reservation",
    ]
    assert shell("keys", "list").lines[1].split() == ["1", "a", "none", "active", "never", "0.00", "-"]


def test_states_go_by_the_apis_clock(shell: Shell, emulator: Emulator) -> None:
    """States follow the API's clock, not this machine's."""
    add(emulator, "k", expires_at=utc_now() + timedelta(minutes=30))
    emulator.clock.advance(timedelta(hours=1))
    assert shell("keys", "list", "--json").json[0]["state"] == "expired"


def test_filters(shell: Shell, emulator: Emulator) -> None:
    """Each narrows the list, and all of them together do."""
    days = [timedelta(days=n) for n in (-1, 3, 10)]
    for name, after in zip(("old", "prod-soon", "prod-later"), days, strict=True):
        add(emulator, name, expires_at=utc_now() + after)
    add(emulator, "prod-off", is_enabled=False)
    assert ids(shell, "--name-prefix", "prod-") == [2, 3, 4]
    assert ids(shell, "--enabled") == [1, 2, 3]
    assert ids(shell, "--disabled") == [4]
    assert ids(shell, "--expires-within", "7") == [2]
    assert ids(shell, "--expires-within", "14", "--name-prefix", "prod-l") == [3]
    assert shell("keys", "list", "--name-prefix", "PROD").err == "no keys match\n"


def test_order(shell: Shell, emulator: Emulator) -> None:
    """By id, name, creation, expiry or limit; keys without an expiry or a limit come last."""
    for name, limit, expires_at in [
        ("b", None, None),
        ("c", 5, "2041-01-01T00:00:00Z"),
        ("a", 0, "2040-01-01T00:00:00Z"),
    ]:
        add(emulator, name, credit_limit=limit, expires_at=expires_at)
    emulator.edit(3, created_at="2025-01-01T00:00:00Z")
    orders = {order: ids(shell, "--sort", order) for order in ("id", "name", "created", "expires", "limit")}
    assert orders == {
        "id": [1, 2, 3],
        "name": [3, 1, 2],
        "created": [3, 1, 2],
        "expires": [3, 2, 1],
        "limit": [3, 2, 1],
    }


def test_the_largest_comes_first(shell: Shell, emulator: Emulator) -> None:
    """By spending, and by the share of the limit; keys without a limit come last by the share."""
    for number, (cost, limit) in enumerate([("1", 2), ("3", None), ("2", 8)], start=1):
        add(emulator, "k", credit_limit=limit)
        emulator.add_usage(number, cost=cost)
    assert ids(shell, "--sort", "spend") == [2, 3, 1]
    assert ids(shell, "--sort", "used") == [1, 3, 2]
    assert ids(shell, "--top", "2") == [2, 3]
    assert ids(shell, "--top", "2", "--sort", "id") == [1, 2]


def test_spending_of_thirty_days(shell: Shell, emulator: Emulator) -> None:
    """The spending is that of the longest period."""
    add(emulator, "k")
    emulator.add_usage(1, cost=5, day=emulator.clock.now().date() - timedelta(days=20))
    assert shell("keys", "list", "--json").json[0]["spend"] == "5"


def test_owners(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """The owner is the label of a stack's key, or what a pattern finds; the column appears only with a source."""
    for name in ("a", "b-me"):
        add(emulator, name)
    key = resource("1")
    key["outputs"]["labels"] = {"owner": "you\x1b"}
    stack = export(tmp_path / "s", key)
    arguments = ["--stack", stack, "--group", "owner=-(?P<owner>.*)"]
    assert [row["owner"] for row in shell("keys", "list", *arguments, "--json").json] == ["you\x1b", "me"]
    assert [line.split()[-1] for line in shell("keys", "list", *arguments).lines] == [
        "OWNER",
        "you[U+001B]",
        "me",
    ]
    assert "OWNER" not in shell("keys", "list").out


def test_activity_that_is_refused(shell: Shell, emulator: Emulator) -> None:
    """The keys are listed with a warning and without their spending."""
    add(emulator, "k", credit_limit=1)
    emulator.faults.add(Fault(Answer(403), operation="get_activity", times=None))
    done = shell("keys", "list")
    assert (done.status, done.lines[1].split()) == (0, ["1", "k", "1.00", "active", "never", "-", "-"])
    assert done.err.startswith("warning: cannot read the activity, so the spending is unknown: ")
    assert (done.err.count("\n"), shell("keys", "list", "--json").json[0]["spend"]) == (1, None)


@pytest.mark.parametrize("option", [["--sort", "spend"], ["--sort", "used"], ["--top", "1"]])
def test_an_order_that_is_unknown(option: list[str], shell: Shell, emulator: Emulator) -> None:
    """An order by spending needs the activity."""
    emulator.faults.add(Fault(Answer(403), operation="get_activity", times=None))
    done = shell("keys", "list", *option)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


def test_wide_characters_are_aligned(shell: Shell, emulator: Emulator) -> None:
    """A character that takes two columns counts for two, a combining one for none."""
    for name in ("日本", "abcd", "abcde\u0301"[:-1] + "\u0301"):
        add(emulator, name)
    assert [line.index("none") for line in shell("keys", "list").lines[1:]] == [14, 16, 17]


def test_ten_thousand_keys(shell: Shell, emulator: Emulator) -> None:
    """All are listed."""
    key = {"name": "k", "created_at": CREATED, "expires_at": None, "is_enabled": True, "credit_limit": None}
    body = json.dumps({"keys": [{**key, "id": number} for number in range(10_000)]}).encode()
    emulator.faults.add(Fault(Answer(200, body=body)))
    assert len(shell("keys", "list").lines) == 10_001


# --- show


def test_by_id_and_by_name(shell: Shell, emulator: Emulator) -> None:
    """A line for each field, or an object."""
    add(emulator, "k\x07", credit_limit=1)
    done = shell("keys", "show", "1")
    assert dict(line.split(maxsplit=1) for line in done.lines) == {
        "id": "1",
        "name": "k[U+0007]",
        "credit_limit": "1.00",
        "is_enabled": "yes",
        "state": "active",
        "expires_at": "never",
        "created_at": CREATED,
    }
    assert shell("keys", "show", "--name", "k\x07") == done
    listed = {"spend": "0", "limit_used": "0", "owner": None}
    shown = shell("keys", "show", "1", "--json").json
    assert [{**shown, **listed}] == shell("keys", "list", "--json").json
    header, row = shell("keys", "show", "1", "--csv").csv
    assert shell("keys", "list", "--csv").csv == [f"{header},spend,limit_used,owner", f"{row},0,0,"]


def test_a_name_that_several_keys_have(shell: Shell, emulator: Emulator) -> None:
    """The command lists their ids, and shows none of them."""
    for name in ("twin", "other", "twin"):
        add(emulator, name)
    done = shell("keys", "show", "--name", "twin")
    assert (done.status, done.out) == (1, "")
    assert done.err == "error: 2 keys are named twin: show one by its id, 1, 3\n"


def test_no_such_key(shell: Shell) -> None:
    """One line, for an id and for a name; escape sequences in the name are written out."""
    done = shell("keys", "show", "--name", "\x1b[1mk")
    assert (done.status, done.out, done.err) == (1, "", "error: no key is named [U+001B][1mk\n")
    assert shell("keys", "show", "9").status == 1


# --- unmanaged


def resource(key_id: object, created_at: object = CREATED, **more: object) -> dict[str, Any]:
    """A key in a stack, with secrets beside it."""
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": PLAINTEXT}
    outputs = {"created_at": created_at, "key": secret}
    return {"type": API_KEY_TYPE, "custom": True, "id": key_id, "outputs": outputs, **more}


def export(file: Path, *resources: object, **deployment: object) -> str:
    """A stack's export, in a Python file: the only kind that may contain a plaintext in tests."""
    file = file.with_suffix(".py")
    document = {"version": 3, "deployment": {"resources": resources, **deployment}}
    file.write_text(json.dumps(document))
    return str(file)


def unmanaged(shell: Shell, *files: str) -> list[tuple[int, str | None]]:
    """The ids and the notes."""
    return [(row["id"], row["note"]) for row in shell("keys", "unmanaged", *files, "--json").json]


def test_keys_in_no_stack(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Keys of any of the stacks are left out; resources of other types do not matter."""
    for name in "abcd":
        add(emulator, name)
    other = {**resource("4"), "type": "random:index:Password"}
    files = [export(tmp_path / "one", resource("1"), other), export(tmp_path / "two", resource("3"))]
    assert unmanaged(shell, *files) == [(2, None), (4, None)]
    assert shell("keys", "unmanaged", *files).lines[1].split() == ["2", "b", "none", "active", "never"]


def test_ids_of_other_accounts_count_for_nothing(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A key with the same id and another creation belongs to another account; servers may keep only whole seconds."""
    for name in "abc":
        add(emulator, name)
    emulator.edit(2, created_at="2026-01-01T00:00:00.400000Z")
    stack = [resource("1", "2026-01-01T00:00:05Z"), resource("2"), resource("3", {"ciphertext": "v1:"})]
    assert unmanaged(shell, export(tmp_path / "s", *stack)) == [(1, None)]


def test_what_a_stack_will_still_see_to(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Pending deletions and interrupted operations count; an interrupted creation has no id."""
    for name in "abc":
        add(emulator, name)
    pending = [
        {"type": "updating", "resource": resource("2")},
        {"type": "creating", "resource": resource("")},
    ]
    stack = export(tmp_path / "s", resource("1", delete=True), pending_operations=pending)
    assert unmanaged(shell, stack) == [(3, None)]


def test_notes(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A key that a stack only reads is unmanaged; a reservation is marked."""
    add(emulator, "read")
    add(emulator, RESERVATION, credit_limit=0, expires_at=utc_now() + timedelta(hours=1))
    stack = export(tmp_path / "s", resource("1", external=True))
    assert unmanaged(shell, stack) == [(1, "read"), (2, "reservation")]
    assert unmanaged(shell, stack, export(tmp_path / "t", resource("1"))) == [(2, "reservation")]


def test_stdin(shell: Shell, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hyphen is stdin, in any encoding that JSON allows."""
    add(emulator, "a")
    content = Path(export(tmp_path / "s", resource("1"))).read_text().encode("utf-16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    done = shell("keys", "unmanaged", "-")
    assert (done.status, done.out, done.err) == (0, "", "no unmanaged keys\n")


def test_a_stack_of_the_local_engine(shell: Shell, emulator: Emulator) -> None:
    """LocalEngine's state files can be read too."""
    golden = ROOT / "tests" / "golden" / "0.1.0"
    for key in json.loads((golden / "account.json").read_text())["own"]:
        key_id, _ = emulator.add(key["name"])
        emulator.edit(key_id, created_at=key["created_at"])
    add(emulator, "by hand")
    assert [name for name, _ in unmanaged(shell, str(golden / "state.json"))] == [len(emulator.keys())]


@pytest.mark.parametrize(("managed", "status"), [("1", 0), ("2", 3)])
def test_the_condition(managed: str, status: int, shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """With --fail, an unmanaged key ends the command with status 3; without, it does not."""
    add(emulator, "a")
    stack = export(tmp_path / "s", resource(managed))
    assert shell("keys", "unmanaged", "--fail", stack).status == status
    assert shell("keys", "unmanaged", stack).status == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xff\xff",
        b'{"deployment": null}',
        b'{"deployment": {"resources": 7}}',
        b'{"deployment": {"resources": ["x"]}}',
        b'{"deployment": {"pending_operations": [7]}}',
        b'{"deployment": {"resources": [{"type": "pulumi-python:dynamic/account:ApiKey", "id": "1", "outputs": 7}]}}',
        b"[" * 100_000,
        f'{{"key": "{PLAINTEXT}"'.encode(),
        b'{"deployment": {"resources": [%b]}}' % (b"9" * 5000),
    ],
    ids=range(13).__iter__(),
)
def test_a_broken_file(content: bytes, shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """One line names it and quotes none of it, and there is no call to the API."""
    file = tmp_path / "broken\x1b.py"
    file.write_bytes(content)
    done = shell("keys", "unmanaged", str(file))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: {tmp_path}/broken[U+001B].py: not what `pulumi stack export` prints\n"
    assert emulator.calls.operations == []


def test_a_missing_file(shell: Shell, tmp_path: Path) -> None:
    """One line names it."""
    done = shell("keys", "unmanaged", str(tmp_path / "none"))
    assert (done.status, done.err) == (1, f"error: {tmp_path / 'none'}: No such file or directory\n")


@pytest.mark.parametrize("deployment", [{}, {"resources": None}, {"resources": []}])
def test_an_empty_stack(deployment: object, shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """It manages nothing."""
    add(emulator, "a")
    file = tmp_path / "empty"
    file.write_text(json.dumps({"version": 3, "deployment": deployment}))
    assert unmanaged(shell, str(file)) == [(1, None)]
