"""`docs/failures.md`: each message on the page is printed when the page says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pulumi_account.emulator import Answer, Drop, Emulator, Fault, Hang
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.pages import Page
from tests.support.projects import Project as Bench
from tests.support.provider_process import ProviderError, ProviderProcess

pytestmark = pytest.mark.timeout(200)

PAGE = Page("docs/failures.md")
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", PAGE.text, flags=re.DOTALL | re.MULTILINE))
#: the messages of each section: paragraphs and list items that are code and nothing else
SHOWN = {
    heading: [
        " ".join(message.split())
        for _, message in re.findall(r"^(?:- )?(`+)([^`].*?)\1$", section, flags=re.DOTALL | re.MULTILINE)
    ]
    for heading, section in SECTIONS.items()
}

SERVICE = 'account.ApiKey("service", credit_limit=50)'
EXACT = 'account.ApiKey("service", name="service", credit_limit=50)'
ADOPTING = 'account.ApiKey("{}", name="legacy", adopt_key_id=1, opts=pulumi.ResourceOptions({}))'
ROTATING = 'account.ApiKey("service", rotation_triggers={{"turn": "{}"}})'


class Project:
    """A project on LocalEngine, and all that it has printed."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.account = bench, bench.emulator
        self.printed = ""

    def run(self, program: str, command: str = "up", **config: str) -> None:
        """Run a command with this program."""
        self.bench.write(f"import pulumi, pulumi_account as account\n{program}", name="keys")
        self.printed += self.bench.run(command, **config).text

    def checked(self, **env: str) -> None:
        """What the provider's process says of a key, in an environment where it may not be on this machine."""
        config = {"account:provisioningKey": PROVISIONING_KEY}
        with (
            ProviderProcess(config, self.bench.folder, env) as process,
            pytest.raises(ProviderError) as raised,
        ):
            process.check({"name": "service"})
        self.printed += f"{raised.value}\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project and account."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="39.50") as emulator:
        yield Project(Bench("local", tmp_path, emulator))


def no_key(project: Project) -> None:
    """No provisioning key."""
    project.bench.options["alone"] = True
    project.run(SERVICE, "preview")


def misspelled(project: Project) -> None:
    """A setting with a small letter."""
    project.bench.options.update(alone=True, secrets={"account:provisioningkey": "x"})
    project.run(SERVICE, "preview")


def in_plain_text(project: Project) -> None:
    """A provisioning key that is no secret."""
    project.bench.options["alone"] = True
    project.run(SERVICE, "preview", **{"account:provisioningKey": PROVISIONING_KEY})


def refused(project: Project) -> None:
    """A wrong provisioning key."""
    project.bench.options["secrets"] = {"account:provisioningKey": OTHER_PROVISIONING_KEY}
    project.run(SERVICE)


def settings(project: Project) -> None:
    """What cannot be used of the environment."""
    for name, value in (("HTTPS_PROXY", "proxy.example:x"), ("SSL_CERT_FILE", "/etc/missing.pem")):
        project.checked(ACCOUNT_ENDPOINT="https://account.example", **{name: value})
    project.checked(ACCOUNT_ENDPOINT="http://account.example")


def invalid(project: Project) -> None:
    """Two invalid values."""
    project.run('account.ApiKey("service", name="x" * 300, credit_limit=-1)', "preview")


def dates(project: Project) -> None:
    """A date as YAML hands it on, and one that is over."""
    for date in ("2040-01-01 00:00:00 +0000 UTC", "2020-01-01T00:00:00Z"):
        project.run(f'account.ApiKey("service", expires_at="{date}")', "preview")
    project.run('account.ApiKey("service", expires_in="90d")')
    while "expires_in 1s counts" not in project.printed:
        project.run('account.ApiKey("service", expires_in="1s")', "preview")


def expired(project: Project) -> None:
    """A key whose expiry is over since it was declared."""
    soon = (project.account.clock.now() + timedelta(seconds=2)).isoformat()
    program = f'account.ApiKey("service", expires_at="{soon}")'
    project.run(program)
    while "expired at" not in project.printed:
        project.run(program, "preview")


def no_plaintext(project: Project) -> None:
    """An adopted key without a plaintext."""
    project.account.add("legacy")
    project.run(
        'legacy = account.ApiKey("legacy", name="legacy", adopt_key_id=1)\n'
        'pulumi.export("key", legacy.require_key())'
    )


def low_balance(project: Project) -> None:
    """A balance that is too low."""
    project.run("account.require_balance(50)", "preview")


def no_server(project: Project) -> None:
    """Nothing listens."""
    project.bench.options["env"] = {"ACCOUNT_ENDPOINT": "http://127.0.0.1:9"}
    project.run(SERVICE)


def slow(project: Project) -> None:
    """An answer that takes too long."""
    project.run(SERVICE)
    project.bench.options["env"] = {"ACCOUNT_TIMEOUT": "1"}
    project.account.faults.add(Fault(Hang(seconds=5)))
    project.run(SERVICE, "refresh")


def too_many(project: Project) -> None:
    """A 429."""
    project.bench.options["env"] = {"ACCOUNT_RETRY_DEADLINE": "90"}
    project.account.faults.add(Fault(Answer(429, retry_after=1)))
    project.run(SERVICE)


def pages(project: Project) -> None:
    """A proxy that answers with pages."""
    project.run(SERVICE)
    project.account.faults.add(Fault(Answer(404, body="html"), method="GET", times=None))
    project.run(SERVICE, "refresh")
    project.account.faults.add(Fault(Answer(200, body="html"), method="DELETE", times=None))
    project.run(SERVICE, "destroy")


def clock(project: Project) -> None:
    """The API's clock is another one."""
    project.account.clock.offset = timedelta(minutes=42)
    project.run(EXACT)


def lost(project: Project) -> None:
    """The answer to a POST that was carried out is lost."""
    project.account.faults.add(Fault(Drop(commit=True), method="POST"))
    project.run(SERVICE)


def half_made(project: Project) -> None:
    """The PATCH fails."""
    project.account.faults.add(Fault(Answer(500), method="PATCH"))
    project.run(EXACT)
    assert project.account.keys() == []


def left_behind(project: Project) -> None:
    """What was made can be neither found nor deleted."""
    project.account.faults.add(
        Fault(Drop(commit=True), method="POST"), Fault(Answer(503), method="GET", times=None)
    )
    project.run(EXACT)
    project.account.remove(1)
    project.account.faults.clear()
    project.account.faults.add(Fault(Answer(500), method="PATCH"), Fault(Answer(500), method="DELETE"))
    project.run(EXACT)
    project.printed = project.printed.replace("key 2", "key 1")


def gone(project: Project) -> None:
    """Someone deletes the key."""
    project.run(SERVICE)
    project.account.remove(1)
    project.run(SERVICE.replace("50", "60"))
    project.run(SERVICE, "destroy")


def strange(project: Project) -> None:
    """Another account's key has the same id."""
    project.run(SERVICE)
    project.account.edit(1, created_at="2026-01-01T00:00:00Z")
    project.run(SERVICE, "refresh")


def not_retired(project: Project) -> None:
    """The old key of a rotation cannot be deleted, and is deleted by the next run."""
    project.run(ROTATING.format(1))
    project.account.faults.add(Fault(Answer(500), method="DELETE"))
    project.run(ROTATING.format(2))
    assert len(project.account.keys()) == 2
    project.run(ROTATING.format(2))
    assert len(project.account.keys()) == 1


def in_use(project: Project) -> None:
    """A guarded key was used, and then the activity cannot be read."""
    project.run('account.ApiKey("service", name="service", delete_guard="7d")')
    project.account.add_usage(1, requests=3, cost="0.5")
    project.run("", "destroy")
    project.account.faults.add(Fault(Answer(503), operation="get_activity"))
    project.run("", "destroy")


def not_adopted(project: Project) -> None:
    """An id that the account does not have, and two resources that adopt one key."""
    project.run('account.ApiKey("legacy", name="legacy", adopt_key_id=7)', "preview")
    project.account.add("legacy")
    project.run(ADOPTING.format("a", ""))
    project.run(f"{ADOPTING.format('a', '')}\n{ADOPTING.format('b', '')}", "preview")


def kept(project: Project) -> None:
    """A resource that adopts a key is renamed, and then tainted and deleted first: the key lives."""
    project.account.add("legacy")
    project.run(ADOPTING.format("a", ""))
    program = ADOPTING.format("b", "delete_before_replace=True")
    project.run(program)
    project.bench.engine().taint("urn:pulumi:local::keys::pulumi-python:dynamic/account:ApiKey::b")
    project.run(program)
    assert len(project.account.keys()) == 1


CAUSES: dict[str, Callable[[Project], None]] = {
    "No provisioning key": no_key,
    "Misspelled setting": misspelled,
    "Provisioning key in plain text": in_plain_text,
    "Status 401": refused,
    "Endpoint, proxy or certificate": settings,
    "A key has invalid values": invalid,
    "A date is refused": dates,
    "A key has expired": expired,
    "The plaintext is not known": no_plaintext,
    "The balance is too low": low_balance,
    "Cannot connect": no_server,
    "The answer was lost": slow,
    "Too many requests": too_many,
    "Not the account API's answer": pages,
    "This machine's clock is wrong": clock,
    "A lost answer had made a key": lost,
    "A key could not be created as declared": half_made,
    "A key may have been left behind": left_behind,
    "The key was deleted elsewhere": gone,
    "The key belongs to another account": strange,
    "The old key could not be deleted after a rotation": not_retired,
    "A key in use is not deleted": in_use,
    "A key cannot be adopted": not_adopted,
    "A key is kept, or not deleted": kept,
}
#: what other tests provoke, with the very words of the page
ELSEWHERE = {"Pulumi is too old"}


@pytest.mark.parametrize("heading", CAUSES)
def test_it_is_printed(project: Project, heading: str) -> None:
    """What the page shows under this heading is printed."""
    CAUSES[heading](project)
    printed = " ".join(project.printed.split())
    assert SHOWN[heading]
    for message in SHOWN[heading]:
        pattern = re.escape(message).replace("…", ".+?")
        assert re.search(pattern, printed), f"{message!r} is not in {project.printed}"


def test_each_message_is_provoked() -> None:
    """No message is on the page that no test provokes."""
    assert {heading for heading, blocks in SHOWN.items() if blocks} == CAUSES.keys() | ELSEWHERE


def test_pulumi_is_too_old() -> None:
    """The page's words are those of the tests with an old SDK."""
    tests = Path("tests/end_to_end/test_configuration.py").read_text(encoding="utf-8")
    (message,) = SHOWN["Pulumi is too old"]
    assert f'"{message}"' in tests
