"""The command line of LocalEngine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pulumi_account.testing.__main__ import main
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import command


def test_commands_print_what_happened_and_set_the_status(bench: Workbench) -> None:
    """Preview, up, output and destroy work from the command line, with secrets from the environment."""
    bench.write(
        'pulumi.export("pw", config.require_secret("pw")); pulumi.export("n", Thing("a", size=1).size)'
    )
    up = command(bench, "up", "--secret", "proj:pw", "--config", "x=1", "--diff", PROJ_PW="hunter22")
    assert up.returncode == 0, up.stderr
    assert "+ pulumi-python:dynamic/account:Thing: (create)" in up.stdout
    assert command(bench, "output").stdout == "n\t1\npw\t[secret]\n"
    assert json.loads(command(bench, "output", "--json", "--show-secrets").stdout) == {
        "n": 1,
        "pw": "hunter22",
    }
    digest = json.loads(command(bench, "preview", "--json", "--secret", "pw=hunter22").stdout)
    assert digest["changeSummary"] == {"same": 2}
    assert digest["config"] == {"proj:pw": "[secret]"}
    assert "- 2 deleted" in command(bench, "destroy").stdout


def test_wrong_commands_have_status_2(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """Usage errors and failures have different exit statuses."""
    for args in (
        [],
        ["up", "--config", "novalue"],
        ["up", "--secret", "=value"],
        ["up", "--secret", "not:set"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(args)
        assert caught.value.code == 2
    assert "NS_KEY" in capsys.readouterr().err
    assert main(["up", str(bench.project), "--state", str(bench.project / "Pulumi.yaml")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["--secret", "ns:key=hunter22", "up"],
        ["up", "--secret", "=hunter22"],
        ["up", "--secret", "hunter22"],
        ["up", "--secret", "user:hunter22"],
        ["up", "--secrt", "ns:key=hunter22"],
        ["up", "--secrt=ns:key=hunter22"],
        ["up", "--s=ns:key=hunter22"],
        ["up", "--secret", "ns:key=two", "words,", "hunter22"],
        ["up", "--secret", "ns:key=hunter22", "--stack"],
        ["up", "--secret", "ns:key=hunter22", "--stack", "../../x"],
        ["up", "--secret", "ns:key=hunter22", "--state", "/dev/null/x"],
        ["up", "--secret", "account:endpoint=https://user:hunter22@api.invalid/hunter22"],
        ["up", "--secret", "account:endpoint=https://hunter22.invalid"],
        ["up", "--secret", "account:endpoint=https://[hunter22"],
        ["up", "--secret", "account:endpoint=hunter22"],
        ["up", "--config", "account:endpoint=https://user:hunter22@api.invalid/hunter22"],
    ],
)
def test_no_error_of_the_command_line_tells_a_secret(
    bench: Workbench, args: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the command, or with where it would make keys."""
    monkeypatch.chdir(bench.project)
    try:
        status = main(args)
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capfd.readouterr()
    assert status in (1, 2)
    assert "hunter22" not in out + err
    assert "error: " in err.splitlines()[-1]


def test_the_environments_endpoint_is_not_quoted(bench: Workbench) -> None:
    """An endpoint that is refused may hold a password: only its host is shown."""
    done = command(bench, "up", ACCOUNT_ENDPOINT="https://user:hunter22@api.invalid/hunter22")
    assert (done.returncode, "hunter22" in done.stdout + done.stderr) == (1, False)
    assert "ACCOUNT_ENDPOINT is on api.invalid" in done.stderr


@pytest.mark.parametrize(
    "failure",
    ["raise ValueError(pw)", "raise KeyError(pw)", "raise ValueError(json.dumps(pw))", "sys.exit(pw)", "print(pw)",
     "print(repr(pw), file=sys.stderr)", "pulumi.log.error(pw)", "raise OSError(0, quote(pw))",
     "[print(line.strip()) for line in pw.splitlines()]"],
)  # fmt: skip
def test_no_failure_of_a_program_tells_a_secret(bench: Workbench, failure: str) -> None:
    """Whether it is raised, logged or printed, and whether as it is or as Python, JSON or a URL writes it."""
    bench.write(f"import json, sys\nfrom urllib.parse import quote\npw = config.require('pw')\n{failure}")
    done = command(bench, "up", "--secret", "pw= first hunter22 'q'\n\tsecond \"hunter22\" é\\ \n")
    assert "hunter22" not in done.stdout + done.stderr
    assert "[secret]" in done.stdout + done.stderr


@pytest.mark.parametrize("verb", ["preview", "up", "refresh", "destroy", "import", "output"])
def test_help_says_what_it_is_for(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command's help has the word on loopback endpoints."""
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "ACCOUNT_LOOPBACK_ONLY=1" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["cryptography", "yaml"])
def test_without_the_extra_one_line_says_what_to_install(missing: str) -> None:
    """Not a traceback: the emulator's extra alone lacks what LocalEngine needs."""
    program = (
        f"import sys, runpy; sys.modules[{missing!r}] = None; sys.argv[1:] = ['up'];"
        "runpy.run_module('pulumi_account.testing', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    line = f"error: {missing} is missing: pip install 'pulumi_account[testing]'\n"
    assert (ended.returncode, ended.stderr) == (1, line)
