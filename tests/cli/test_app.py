"""The command line as a whole: help, examples, exit statuses, streams."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pulumi_account.cli.app import app
from pulumi_account.emulator import Answer, Drop, Edit, Emulator, Fault, HalfBody, Hang
from pulumi_account.emulator.faults import Action
from tests.support import ROOT
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.shell import PYTHON, Done, Shell, environment, run
from tools.command_line import seed, write_exports, write_previews


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The account of the documentation."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        seed(emulator)
        yield emulator


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and every group of them."""
    command = command or get_command(app)
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands())
#: what asks the account one question, and ends
QUESTIONS = [
    ("balance",),
    ("activity",),
    ("activity", "--by", "model"),
    ("activity", "--by", "key"),
    ("keys", "list"),
    ("keys", "show", "1"),
    ("keys", "unmanaged", "production.json"),
    ("leftovers",),
    ("adopt", "--out", "new"),
]


def text_of(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """A command's help."""
    done = Shell(capsys)(*path, "--help")
    assert (done.status, done.err) == (0, "")
    return done.out


# --- help and examples


@pytest.mark.parametrize("path", COMMANDS, ids="-".join)
def test_every_command_has_help_and_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each says what it does, and each of its options does; an example shows the command itself."""
    text, command = text_of(path, capsys), COMMANDS[path]
    assert len((command.help or "").split()) > 3
    assert [param.name for param in command.params if not param.help and param.name != "help"] == []
    assert re.search(rf"\n  Examples:\n(    \$ .*\n)*    \$ .*{' '.join(('pulumi-account', *path))}\b", text)


def test_summaries_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of commands shows whole sentences."""
    for path in [(), ("keys",)]:
        assert "..." not in text_of(path, capsys).partition("Commands:")[2].partition("Examples:")[0]


@pytest.mark.parametrize("status", ["0", "1", "2", "3", "130", "141"])
def test_exit_statuses_are_documented(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists them."""
    assert re.search(rf"^    {status} +\w", text_of((), capsys).partition("Exit status:")[2], re.MULTILINE)


def examples() -> list[str]:
    """Every example of every help."""
    epilogs = [command.epilog or "" for command in COMMANDS.values()]
    return [line.removeprefix("  $ ") for text in epilogs for line in text.splitlines() if line[:4] == "  $ "]


ENDLESS = {"watch", "metrics", "emulator"}
EXAMPLES = dict.fromkeys(examples())


def is_endless(example: str) -> bool:
    """Whether it runs until a signal ends it."""
    return bool(ENDLESS & set(example.split())) and "--help" not in example


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples name: exports of stacks, a key file, and other programs."""
    write_exports(tmp_path)
    for name in ("keys.yaml", "search.yaml"):
        shutil.copy(ROOT / "examples" / "keyfile" / name, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    write_previews(tmp_path)
    pulumi = "if [ $1 = preview ]; then cat preview.json; else cat production.json; fi"
    for name, text in {"run-batch": "echo running", "notify": ":", "pulumi": pulumi}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o700)
    monkeypatch.chdir(tmp_path)
    return programs


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not is_endless(e)])
def test_examples_work(example: str, shell: Shell, emulator: Emulator, folder: Path) -> None:
    """Each ends as it should, and prints only the documented lines to stderr."""
    if set(example) & set("|&>"):
        path = f"{folder}{os.pathsep}{environment(emulator)['PATH']}"
        done = run(emulator, "bash", "-c", example, PATH=path)
    else:
        done = shell(*shlex.split(example)[1:])
    assert done.status == (3 if "--fail" in example else 0)
    failing = "rules that fail this review: no-owner\n" if "--fail-on" in example else ""
    assert done.err in (failing, "no keys match\n", "wrote account.html\n")
    assert ("running" in done.out) == ("run-batch" in example)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if is_endless(e) and "watch" in e])
def test_watches_work(
    example: str, shell: Shell, emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example checks the balance, and a signal ends it with status 0."""
    *variables, _, command = re.findall(r"^(\w+=\S+)? ?(pulumi-account) (.*)", example)[0]
    for name, value in (v.split("=", 1) for v in variables if v):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def end() -> None:
        while "get_balance" not in emulator.calls.operations:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end)
    ender.start()
    assert shell(*shlex.split(command)) == Done(0, "", "")
    ender.join()


@pytest.mark.parametrize("example", [e for e in EXAMPLES if is_endless(e) and "watch" not in e])
def test_servers_work(example: str, emulator: Emulator, folder: Path) -> None:
    """Each example prints its address, and a signal ends it with status 0."""
    program, *arguments = shlex.split(re.sub(r"--port \d+", "--port 0", example))
    with subprocess.Popen(
        [PYTHON.parent / program, *arguments],
        env=environment(emulator), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


# --- what goes wrong

FAULTS: dict[str, Action] = {
    "unavailable": Answer(503),
    "refused": Answer(401),
    "cut": Drop(),
    "half": HalfBody(),
    "silent": Hang(),
    "page": Answer(200, body="html"),
    "garbage": Answer(200, body="garbage"),
    "steered": Answer(500, body=b'{"error": {"message": "\\u001b[31m[red]\\u202e\\nred"}}'),
    "indiscreet": Answer(500, body=f'{{"error": {{"message": "not {PROVISIONING_KEY}"}}}}'.encode()),
}


@pytest.mark.parametrize(
    ("question", "name"),
    [(("balance",), name) for name in FAULTS] + [(asked, "steered") for asked in QUESTIONS[1:]],
)
def test_an_api_that_fails(
    question: tuple[str, ...], name: str, shell: Shell, emulator: Emulator, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One clear line on stderr, nothing on stdout, and status 1."""
    monkeypatch.setenv("ACCOUNT_TIMEOUT", "0.2")
    emulator.faults.add(Fault(FAULTS[name], times=None))
    done = shell(*question)
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(r"error: .+\n", done.err)
    assert done.err[:-1].isprintable()


@pytest.mark.parametrize("question", [*QUESTIONS, ("watch", "--below", "5"), ("metrics",)], ids=" ".join)
@pytest.mark.parametrize("content", [None, "garbage"])
def test_certificates_that_cannot_be_used(
    question: tuple[str, ...],
    content: str | None,
    shell: Shell,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command names the variable and the path in one line, and ends with status 1."""
    if content:
        Path("certificates.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", "certificates.pem")
    monkeypatch.setenv("ACCOUNT_ENDPOINT", "https://127.0.0.1:1")
    done = shell(*question)
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(r"error: SSL_CERT_FILE is certificates\.pem, which .+\n", done.err)


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_an_api_that_lies(question: tuple[str, ...], shell: Shell, emulator: Emulator, folder: Path) -> None:
    """An answer of the wrong shape is refused, and the field is named."""
    lie = Edit(remove=("balance", "daily_stats", "keys.0.name", "name"))
    emulator.faults.add(Fault(lie, times=None))
    done = shell(*question)
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(r"error: GET \S+: unexpected answer with status 200: [\w.]+: is missing\n", done.err)


def test_no_provisioning_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing credential is reported in one line."""
    monkeypatch.delenv("ACCOUNT_PROVISIONING_KEY")
    done = shell("balance")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "ACCOUNT_PROVISIONING_KEY" in done.err


def test_no_command_takes_a_credential() -> None:
    """No command has an option for the provisioning key; --keys names a key file."""
    options = {option for command in COMMANDS.values() for param in command.params for option in param.opts}
    options.remove("--keys")
    assert not [option for option in options if "key" in option.replace("key_id", "")]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["keys"],
        ["balances"],
        ["balance", "--min", "a lot"],
        ["balance", "--min", "nan"],
        ["balance", "--min", "1e999999999"],
        ["watch", "--below", "1e999999999"],
        ["watch", "--below", "1", "--every", "nan"],
        ["watch", "--below", "1", "--every", "inf"],
        ["watch", "--below", "1", "--every", "0"],
        ["keys", "show", str(2**63)],
        ["keys", "list", "--expires-within", "9" * 5000],
        ["balance", "--json", "--csv"],
        ["activity", "--days", "31"],
        ["activity", "--by", "week"],
        ["keys", "show"],
        ["keys", "show", "1", "--name", "n"],
        ["keys", "show", "one"],
        ["keys", "unmanaged"],
        ["watch"],
        ["watch", "--below", "1", "--exec", "no-such-command"],
        ["watch", "--below", "1", "--exec", "'"],
        ["emulator", "--no-such-option"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], shell: Shell, emulator: Emulator) -> None:
    """Status 2, only a group's help on stdout, and no call to the API."""
    done = shell(*arguments)
    assert done.status == 2
    assert "Usage: pulumi-account" in done.out + done.err or arguments[0] == "emulator"
    assert emulator.calls.operations == []


def test_a_wrong_choice_is_named_plainly(shell: Shell) -> None:
    """The error says which choices there are, without the library's name for it."""
    done = shell("keys", "list", "--sort", "WRONG")
    assert done.err.splitlines()[-1].startswith(
        "Error: Invalid value for '--sort': 'WRONG' is not one of 'id',"
    )


def test_a_wrong_clock_is_told(shell: Shell, emulator: Emulator) -> None:
    """A warning of the client is a line on stderr, and the result does not change."""
    emulator.clock.advance(3600)
    done = shell("balance")
    assert (done.status, done.out) == (0, "125.50 USD\n")
    assert done.err.startswith("warning: this machine's clock is 60 minutes behind the API's")
    assert done.err.count("\n") == 1


def python(emulator: Emulator, code: str) -> Done:
    """Run the command in its own interpreter, after some code."""
    end = "; from pulumi_account.cli import main; sys.exit(main(sys.argv[1:]))"
    return run(emulator, sys.executable, "-c", f"import sys; {code}{end}", "balance")


def test_without_the_extra(emulator: Emulator) -> None:
    """Without the extra, one line says what to install."""
    done = python(emulator, "sys.modules['typer'] = None")
    assert done == Done(1, "", "error: typer is missing: pip install 'pulumi_account[cli]'\n")


def test_a_defect_is_one_line(emulator: Emulator) -> None:
    """An unexpected error is reported by its type and place, because its message may contain anything."""
    done = python(
        emulator, f"import pulumi_account.cli.account as a; a.resolve = lambda *_: {PROVISIONING_KEY!r} + 1"
    )
    assert done.status == 1
    assert re.fullmatch(
        r"error: unexpected TypeError at <string>:1 < account\.py:\d+.*: a defect, .*\n", done.err
    )


def test_the_engine_is_not_loaded(emulator: Emulator) -> None:
    """The command loads neither Pulumi nor gRPC."""
    code = "import atexit; atexit.register(lambda: print(*{'pulumi', 'grpc', 'httpx'} & set(sys.modules)))"
    assert python(emulator, code).out == "125.50 USD\nhttpx\n"


# --- streams and signals


def test_module_and_script_are_the_same(shell: Shell, emulator: Emulator) -> None:
    """`python -m pulumi_account` is `pulumi-account`, down to the name in its usage."""
    module = run(emulator, sys.executable, "-m", "pulumi_account", "--help")
    assert module == shell("--help")
    assert module.out.startswith("Usage: pulumi-account ")


def test_a_reader_that_exits(shell: Shell, emulator: Emulator) -> None:
    """A reader that exits is not an error, and causes no message."""
    for number in range(500):
        emulator.add(f"{number:0200d}")
    done = run(emulator, "bash", "-c", "pulumi-account keys list | head -1; echo ${PIPESTATUS[0]}")
    assert done.lines[0].split()[:2] == ["ID", "NAME"]
    assert (done.lines[1:], done.err) == (["141"], "")


def test_interrupted(emulator: Emulator) -> None:
    """SIGINT ends a command silently, with status 130."""
    emulator.faults.add(Fault(Hang()))
    # Python handles a signal that arrives between its last check and the wait for an answer only after the wait
    with subprocess.Popen(
        [sys.executable, "-m", "pulumi_account", "balance"],
        env=environment(emulator) | {"ACCOUNT_TIMEOUT": "5"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        while "get_balance" not in emulator.calls.operations:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


def test_a_pipe_gets_plain_text(shell: Shell, emulator: Emulator) -> None:
    """Even if the environment asks for more: no colors, no box drawing, nothing cut to a width."""
    emulator.add("n" * 255)
    asked = {"FORCE_COLOR": "1", "COLUMNS": "40", "TERM": "xterm-256color"}
    done = run(emulator, "pulumi-account", "keys", "list", **asked)
    assert done == shell("keys", "list")
    assert "n" * 255 in done.out
    assert done.out.isascii()
    assert "\x1b" not in done.out


def test_an_encoding_that_lacks_a_character(emulator: Emulator) -> None:
    """It is written out, instead of ending in an error."""
    emulator.edit(1, name="clé 日本")
    done = run(emulator, "pulumi-account", "keys", "show", "1", PYTHONIOENCODING="ascii")
    assert (done.status, done.err) == (0, "")
    assert r"cl\xe9 \u65e5\u672c" in done.out


def test_the_version(shell: Shell) -> None:
    """The version is that of the package."""
    assert re.fullmatch(r"pulumi-account \d+\.\d+\.\d+\n", shell("--version").out)


# --- completion


def test_completion_script(emulator: Emulator) -> None:
    """In bash, the command prints a completion script for bash."""
    done = run(
        emulator,
        "bash",
        "-c",
        "pulumi-account --show-completion > script; bash -n script && cat script; rm script",
    )
    assert (done.status, done.err) == (0, "")
    assert "_PULUMI_ACCOUNT_COMPLETE=complete_bash" in done.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [("ke", ["keys", "keyfile"]), ("keys ", ["list", "show", "unmanaged"]), ("activity --b", ["--by"])],
)
def test_completion(
    words: str, offered: list[str], shell: Shell, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands and options are completed without a call to the API."""
    line = f"pulumi-account {words}"
    monkeypatch.setenv("_PULUMI_ACCOUNT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert shell() == Done(0, "".join(f"{word}\n" for word in offered), "")
    assert emulator.calls.operations == []


def test_nothing_is_clean_by_chance() -> None:
    """The tests' check for credentials finds the one that these commands use."""
    with pytest.raises(AssertionError):
        assert_clean(f"error: {PROVISIONING_KEY}")
