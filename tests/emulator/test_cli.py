"""The emulator's command line."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import httpx
import pytest

from pulumi_account.emulator import Drop, Emulator, Fault, HalfBody, Hang, format_table
from pulumi_account.emulator.cli import faults_of, main, server_parser
from pulumi_account.emulator.faults import Answer
from pulumi_account.emulator.server import listen
from tests.emulator.support import KEYS, running

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_account.emulator.faults import Action


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """End the command with a signal; returns its exit status and what it printed after its address."""
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line of output, which is an error."""
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"error: [^\n]+\n", err)
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(number: signal.Signals) -> None:
    """It prints its address on one line and serves there; a signal ends it silently with status 0."""
    with running("--port", "0", "--balance", "12.30") as (process, line):
        match = re.fullmatch(r"Listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert match is not None
        balance = httpx.get(
            match[1] + "/v1/account/balance", headers={"Authorization": "Bearer prov-1"}, trust_env=False
        )
        assert balance.json() == {"balance": "12.30"}
        assert end(process, number) == (0, "", "")


def test_a_signal_does_not_wait_for_hanging_calls() -> None:
    """A signal ends the command at once and cleanly, even if a call hangs."""
    with running("--port", "0", "--hang", "1") as (process, line):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(line.split()[-1], timeout=0.1, trust_env=False)
        connection = threading.Thread(target=hang_on, args=(line.split()[-1],))
        connection.start()
        assert end(process, signal.SIGTERM) == (0, "", "")
        connection.join()


def hang_on(url: str) -> None:
    """Wait for an answer until the server ends."""
    with pytest.raises(httpx.TransportError):
        httpx.get(url, timeout=60, trust_env=False)


def test_it_ends_in_the_process_that_called_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`main` returns 0 after a signal and restores the previous handlers."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

    def interrupt() -> None:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport) as client:
            statuses.append(client.get(f"http://127.0.0.1:{port}/").status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    statuses: list[int] = []
    caller = threading.Thread(target=interrupt)
    caller.start()
    assert main(["--port", str(port), "--provisioning-key", "p", "--db", str(tmp_path / "a.db")]) == 0
    caller.join()
    assert statuses == [404]
    assert capsys.readouterr().out == f"Listening on http://127.0.0.1:{port}\n"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_provisioning_key_is_needed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing or empty key is a usage error that names both ways to set it."""
    monkeypatch.delenv("ACCOUNT_PROVISIONING_KEY", raising=False)
    for arguments in ([], ["--provisioning-key", ""]):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code == 2
        message = capsys.readouterr().err.splitlines()[-1]
        assert "--provisioning-key" in message
        assert "ACCOUNT_PROVISIONING_KEY" in message


def test_a_flag_wins_over_the_environment() -> None:
    """Keys from flags replace the key from the environment."""
    flags = ["--port", "0", "--provisioning-key", "flag-1", "--provisioning-key", "flag-2"]
    with running(*flags, key="environment") as (_, line):
        url = line.split()[-1] + KEYS
        statuses = [
            httpx.get(url, headers={"Authorization": f"Bearer {key}"}, trust_env=False).status_code
            for key in ("flag-1", "flag-2", "environment")
        ]
        assert statuses == [200, 200, 401]


def test_flags_reach_the_server() -> None:
    """Flags select what the API's documentation leaves open."""
    flags = (
        "--create-status 200 --validation-status 400 --timestamps Z --no-fractions --clock-offset -864000000"
    )
    with running("--port", "0", "--inference-key", "inf", *flags.split()) as (_, line):
        url, bearer = line.split()[-1] + KEYS, {"Authorization": "Bearer prov-1"}
        created = httpx.post(url, headers=bearer, json={"name": "x"}, trust_env=False)
        refused = httpx.post(url, headers=bearer, json={"name": ""}, trust_env=False)
        inference = httpx.get(url, headers={"Authorization": "Bearer inf"}, trust_env=False)
    assert (created.status_code, refused.status_code) == (200, 400)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created.json()["created_at"])
    age = datetime.now(timezone.utc) - datetime.fromisoformat(
        created.json()["created_at"].replace("Z", "+00:00")
    )
    assert timedelta(days=9999) < age < timedelta(days=10001)
    assert "inference" in inference.json()["error"]["message"]


def test_a_clock_may_go_behind() -> None:
    """A negative number is a number, not a flag."""
    assert server_parser().parse_args(["--clock-offset", "-60"]).clock_offset == -60


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """The one line of the error names a port that is in use."""
    with Emulator() as emulator:
        port = httpx.URL(emulator.url).port
        assert main(["--port", str(port), "--provisioning-key", "p"]) == 1
        assert f"port {port}" in one_error(capsys)


def test_an_unreadable_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The one line of the error names a database that cannot be used."""
    path = tmp_path / "text.db"
    path.write_text("no database" * 100)
    for arguments in (["--provisioning-key", "p", "--db", str(path)], ["keys", "--db", str(path)]):
        assert main(arguments) == 1
        assert str(path) in one_error(capsys)


def test_a_damaged_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A database that is damaged is an error of one line, too."""
    path = tmp_path / "damaged.db"
    with Emulator(db=path):
        pass
    db = sqlite3.connect(path)
    db.execute("DROP TABLE api_key")
    db.close()
    assert main(["keys", "--db", str(path)]) == 1
    assert "api_key" in one_error(capsys)


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org", "192.0.2.1"])
def test_other_hosts_are_refused(capsys: pytest.CaptureFixture[str], host: str) -> None:
    """The command accepts loopback addresses only."""
    assert main(["--host", host, "--provisioning-key", "p"]) == 1
    assert host in one_error(capsys)


@pytest.mark.parametrize(
    "arguments",
    [["--balance", "much"], ["--rate-limit", "0"], ["--retry-after", "-1"]],
)
def test_values_out_of_range(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """A value out of range is an error of one line, with status 1."""
    assert main([*arguments, "--provisioning-key", "p"]) == 1
    one_error(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "65536"],
        ["--port", "-1"],
        ["--port", "x"],
        ["--latency", "-1"],
        ["--latency", "inf"],
        ["--latency", "1e300"],
        ["--activity-cache", "-1"],
        ["--activity-cache", "1e300"],
        ["--activity-cache", "nan"],
        ["--drop", "1.5"],
        ["--drop", "nan"],
        ["--fail", "200"],
        ["--fail", "x"],
        ["--fail", "503:2"],
        ["--clock-offset", "1e300"],
        ["--clock-offset", "nan"],
        ["--only", "make_key"],
        ["--create-status", "204"],
        ["--unknown"],
    ],
    ids=" ".join,
)
def test_flags_that_make_no_sense(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """An invalid flag or value is a usage error that names the flag."""
    with pytest.raises(SystemExit) as error:
        main([*arguments, "--provisioning-key", "p"])
    assert error.value.code == 2
    assert arguments[0] in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--provisoning-key", "hunter22"],
        ["--provisioning-keys=hunter22"],
        ["--p=hunter22"],
        ["--provisioning-key", "a", "hunter22"],
        ["hunter22"],
        ["keys", "--db", "x", "--inference-key", "hunter22"],
    ],
)
def test_a_slip_tells_no_key(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """An error does not quote unknown arguments, because they may be keys."""
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "hunter22" not in capsys.readouterr().err


def test_every_flag_has_help() -> None:
    """Every flag has a line of help, and the help can be printed."""
    parser = server_parser()
    actions = parser._actions
    assert len(actions) > 20
    assert all(action.help for action in actions)
    assert "keys --db FILE" in parser.format_help()


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Both commands print help and end with status 0."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert "--db" in capsys.readouterr().out


# Faults


def test_fault_flags() -> None:
    """Each flag adds its fault, without end, for all operations or for one."""
    flags = "--latency 20 --fail 500:0.5 --fail 429 --retry-after 3 --drop 0.1 --commit-then-drop 0.2"
    flags += " --half-body 0.3 --hang 0.4 --commit-then-hang 0.6 --garbage 0.7 --only create_key"
    accidents: list[tuple[Action, float]] = [
        (Answer(500, retry_after=3), 0.5),
        (Answer(429, retry_after=3), 1.0),
        (Drop(), 0.1),
        (Drop(commit=True), 0.2),
        (HalfBody(), 0.3),
        (Hang(), 0.4),
        (Hang(commit=True), 0.6),
        (Answer(200, body="garbage", commit=True), 0.7),
    ]
    expected = [
        Fault(latency=0.02, operation="create_key", times=None),
        *(
            Fault(action, operation="create_key", times=None, probability=probability)
            for action, probability in accidents
        ),
    ]
    assert faults_of(server_parser().parse_args(flags.split())).armed == expected


def test_no_flags_no_faults() -> None:
    """Without flags there are no faults."""
    assert faults_of(server_parser().parse_args([])).armed == []


def test_the_seed_makes_chance_repeatable() -> None:
    """The same seed gives the same faults."""

    def drawn(seed: str) -> list[bool]:
        faults = faults_of(server_parser().parse_args(["--drop", "0.5", "--seed", seed]))
        return [faults.plan(None, "GET", "/").action is not None for _ in range(50)]

    assert drawn("7") == drawn("7") != drawn("8")


def test_faults_are_served() -> None:
    """A fault from a flag happens, with its `Retry-After`."""
    with running("--port", "0", "--fail", "503", "--retry-after", "2") as (_, line):
        response = httpx.get(line.split()[-1], trust_env=False)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


# The table


def test_the_table_of_a_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`keys` prints the keys in a database, also while a server uses it."""
    path = tmp_path / "with space & ünïcode.db"
    with Emulator(db=path) as emulator:
        plaintext = emulator.add("ci", credit_limit="10.50", expires_at="2027-01-01T01:00:00+01:00")[1]
        emulator.add("a longer name", is_enabled=False)
        emulator.add("escape\x1b[2J", credit_limit=0)
        assert main(["keys", "--db", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "ID  NAME           LIMIT  ENABLED  EXPIRES",
        "1   ci             10.50  yes      2027-01-01T00:00:00Z",
        "2   a longer name  none   no       never",
        "3   escape?[2J     0      yes      never",
    ]
    assert plaintext not in out


def test_an_empty_table() -> None:
    """Without keys the table has only its header."""
    assert format_table([]) == "ID  NAME  LIMIT  ENABLED  EXPIRES"


@pytest.mark.parametrize("content", [None, b""])
def test_keys_makes_no_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None
) -> None:
    """A missing or empty file is an error of one line, and is not changed."""
    path = tmp_path / "none.db"
    if content is not None:
        path.write_bytes(content)
    assert main(["keys", "--db", str(path)]) == 1
    assert str(path) in one_error(capsys)
    assert (path.read_bytes() if path.exists() else None) == content


# Without the extra


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra(missing: str) -> None:
    """If Starlette or uvicorn is missing, the one line of the error names the extra; `keys` needs neither."""
    program = (
        f"import sys, runpy; sys.modules[{missing!r}] = None; sys.argv[1:] = ['--provisioning-key', 'p'];"
        "runpy.run_module('pulumi_account.emulator', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(rf"error: {missing}[^\n]* 'pulumi_account\[emulator\]'\n", ended.stderr)
    without = program.replace("'--provisioning-key', 'p'", "'keys', '--help'")
    assert subprocess.run([sys.executable, "-c", without], capture_output=True, check=False).returncode == 0
