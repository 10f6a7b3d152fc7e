"""Wrong settings in whole programs, on both engines: each ends the preview with one line that says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.conftest import MakeEngine
from tests.support.canaries import PROVISIONING_KEY
from tests.support.projects import Project, ended_with, write_project

pytestmark = pytest.mark.timeout(400)


def test_a_date_without_quotes_in_the_stacks_file(project: Project) -> None:
    """YAML reads the date, and Pulumi rewrites it: the error says what to do."""
    project.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", expires_at=pulumi.Config().require("expires"))
    """)
    project.engine()  # the CLI writes the stack's file
    file = project.folder / "Pulumi.local.yaml"
    stored = file.read_text() if file.exists() else "config:\n"
    file.write_text(stored.replace("config:\n", "config:\n  story:expires: 2035-01-01T10:00:00+01:00\n"))
    (line,) = ended_with(project.run("preview"))
    assert line.endswith(
        "expires_at '2035-01-01 10:00:00 +0100 +0100' is a date that YAML has parsed: quote it, as "
        '"2035-01-01T10:00:00+01:00"'
    )


def test_a_misspelt_configuration_is_named(project: Project) -> None:
    """The preview names the misspelled setting, for a resource and for a function."""
    project.write("import pulumi_account as account\naccount.ApiKey('k')")
    project.options = {"secrets": {"account:provisioningkey": PROVISIONING_KEY}, "alone": True}
    wrong = "the configuration has account:provisioningkey, which has no effect: it must be account:provisioningKey"
    (line,) = ended_with(project.run("preview"))
    assert line.endswith(wrong)
    project.write("import pulumi_account as account\naccount.get_balance()")
    result = project.run("preview")
    assert not result.ok
    assert wrong in result.text


@pytest.mark.parametrize("secret", [True, False])
def test_a_provisioning_key_in_plain_text_is_told(project: Project, secret: bool) -> None:
    """The warning appears once in a run, however many resources and functions use the key."""
    project.write("""
        import pulumi_account as account
        account.ApiKey("one")
        account.ApiKey("two")
        account.get_balance()
    """)
    key = {"account:provisioningKey": "plain-text-key"}
    project.emulator.stop()
    project.emulator = Emulator(provisioning_key="plain-text-key")
    with project.emulator:
        project.options = {"secrets": key if secret else {}, "alone": True}
        result = project.run("preview", **({} if secret else key))
    assert result.ok, result.text
    told = [line for line in result.diagnostics if "is in plain text in the stack's file" in line.message]
    assert len(told) == (not secret)
    assert all(line.severity == "warning" for line in told)


def test_missing_provisioning_key_is_one_line(project: Project) -> None:
    """Without a provisioning key the preview says in one line where to set it."""
    project.write('import pulumi_account as account; account.ApiKey("k")')
    project.options = {"env": {"ACCOUNT_PROVISIONING_KEY": ""}, "secrets": {"account:provisioningKey": " "}}
    (line,) = ended_with(project.run("preview"))
    assert "\n" not in line
    assert "account:provisioningKey" in line
    assert "ACCOUNT_PROVISIONING_KEY" in line


@pytest.mark.parametrize(
    "program", ['account.ApiKey("k")', "account.get_balance()"], ids=["resource", "function"]
)
def test_certificates_of_no_use_are_one_line(project: Project, program: str) -> None:
    """Unreadable certificates end the preview with one line that names the variable and the path."""
    project.write(f"import pulumi_account as account; {program}")
    project.options = {"env": {"ACCOUNT_ENDPOINT": "https://127.0.0.1:1", "SSL_CERT_FILE": "/nowhere.pem"}}
    (line,) = ended_with(project.run("preview"))
    assert "\n" not in line
    assert "SSL_CERT_FILE is /nowhere.pem, which cannot be read (No such file or directory)" in line
    assert "defect" not in line


def test_an_old_sdk_is_one_line(engine: MakeEngine, tmp_path: Path) -> None:
    """An SDK that is too old ends the program with one line, which says what to do."""
    program = "import pulumi\npulumi._version._VERSION = '3.267.0'\nfrom pulumi_account import ApiKey"
    write_project(tmp_path, program)
    result = engine(tmp_path, python=sys.executable).preview()
    assert [item.message for item in result.diagnostics if item.severity == "error"] == [
        "pulumi 3.267.0 is installed, but pulumi_account needs 3.268 or newer: pip install -U pulumi",
        "an unhandled error occurred: program exited with non-zero exit code: 1",
    ]
