"""`check_rules`: under mocks, and on both engines."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pulumi
import pytest

import pulumi_account as account
from pulumi_account.exceptions import InvalidInputError
from tests.support.program_runs import Mocks, run_under_mocks, unknown
from tests.support.projects import Project, ended_with
from tests.support.projects import project as project  # a fixture

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

#: a key that keeps every rule
GOOD: dict[str, Any] = {"credit_limit": 5, "expires_in": "30d", "labels": {"owner": "ada"}}
WITHOUT_OWNER = {**GOOD, "labels": {}}
NO_OWNER = "keys break rules:\nk: has no label owner (no-owner)"


def broken(program: Callable[[], Any], mocks: Mocks | None = None, *, preview: bool = True) -> str:
    """The error with which a program ends."""
    with pytest.raises(pulumi.RunError) as caught:
        run_under_mocks(program, mocks or Mocks(), preview=preview)
    return str(caught.value)


def kept(program: Callable[[], Any], *, preview: bool = True) -> list[str]:
    """The names of the resources that a program makes without an error."""
    mocks = Mocks()
    run_under_mocks(program, mocks, preview=preview)
    return [made.name for made in mocks.made if made.typ.startswith("pulumi-python:")]


@pytest.mark.parametrize("preview", [True, False])
def test_keys_that_keep_the_rules(preview: bool) -> None:
    """The program runs."""

    def program() -> None:
        account.check_rules(max_limit=5, max_lifetime="30d", name_pattern="k-[0-9a-f]+", budgets={"": 5})
        account.ApiKey("k", **GOOD)

    assert kept(program, preview=preview) == ["k"]


@pytest.mark.parametrize("preview", [True, False])
def test_all_breaches_are_one_error(preview: bool) -> None:
    """Those of all keys, in the order of the rules; the error names resources."""

    def program() -> None:
        account.check_rules(max_limit=4, max_lifetime="7d", name_pattern="x", budgets={"": 9})
        account.ApiKey("a", name="secret", **GOOD)
        account.RotatingApiKey("b", every="8d", credit_limit=4, labels={"environment": "production"})
        account.ApiKey("c")

    assert broken(program, preview=preview).splitlines() == [
        "keys break rules:",
        "c: has no credit limit (no-limit)",
        "a: may spend more than 4.00 USD (limit-too-high)",
        "c: never expires (no-expiry)",
        "a: lives longer than 7d (expires-too-late)",
        "b: lives longer than 7d (expires-too-late)",
        "b: has no label owner (no-owner)",
        "c: has no label owner (no-owner)",
        "a: does not match x (bad-name)",
        "b: does not match x (bad-name)",
        "c: does not match x (bad-name)",
        "b: is for production, and the resource is not protected (unprotected)",
        "this stack: the limits together are above the budget of 9.00 USD (over-budget)",
    ]


def test_a_deployment_makes_no_key_that_breaks_a_rule() -> None:
    """Another key in the same program is not made either."""
    mocks = Mocks()

    def program() -> None:
        account.check_rules()
        account.ApiKey("good", **GOOD)
        account.ApiKey("k", **WITHOUT_OWNER)

    assert broken(program, mocks, preview=False) == NO_OWNER
    assert "k" not in [made.name for made in mocks.made]


def test_an_output_is_awaited() -> None:
    """A rule sees its value."""

    def program() -> None:
        account.check_rules(max_limit=4)
        account.ApiKey("k", **{**GOOD, "credit_limit": pulumi.Output.from_input(5)})

    assert broken(program) == "keys break rules:\nk: may spend more than 4.00 USD (limit-too-high)"


@pytest.mark.parametrize("preview", [True, False])
def test_an_awaitable_is_awaited(preview: bool) -> None:
    """A rule sees its value, and so does the engine."""

    async def limit() -> Decimal:
        return Decimal("5.5")

    def program(most: int) -> None:
        account.check_rules(max_limit=most)
        inputs: Any = {**GOOD, "credit_limit": limit()}
        account.ApiKey("k", **inputs)

    breach = "keys break rules:\nk: may spend more than 4.00 USD (limit-too-high)"
    assert broken(lambda: program(4), preview=preview) == breach
    assert kept(lambda: program(6), preview=preview) == ["k"]


def test_a_label_that_is_an_output_is_awaited() -> None:
    """An empty owner is none."""

    def program() -> None:
        account.check_rules()
        account.ApiKey("k", **{**GOOD, "labels": {"owner": pulumi.Output.from_input(" ")}})

    assert broken(program) == NO_OWNER


def test_a_secret_is_checked_and_not_shown() -> None:
    """The error has the resource's name, and no value."""

    def program() -> None:
        account.check_rules(max_limit=4, name_pattern="x")
        secrets = {"name": pulumi.Output.secret("canary"), "credit_limit": pulumi.Output.secret(77321)}
        account.ApiKey("k", **{**GOOD, **secrets})

    text = broken(program)
    assert "(limit-too-high)" in text
    assert "(bad-name)" in text
    assert "canary" not in text
    assert "77" not in text


def test_an_unknown_value_is_no_breach() -> None:
    """The preview runs, and the deployment checks it."""

    def program() -> None:
        account.check_rules(max_limit=4, budgets={"": 5})
        account.ApiKey("k", **{**GOOD, "credit_limit": unknown()})

    assert kept(program) == ["k"]


@pytest.mark.parametrize(("owner", "made"), [("ada", ["a", "k"]), ("", ["a"])])
def test_a_key_that_depends_on_another(owner: str, made: list[str]) -> None:
    """A deployment makes the first, and checks the second when its inputs are known."""
    mocks = Mocks()

    def program() -> None:
        account.check_rules()
        first = account.ApiKey("a", name="a", **GOOD)
        account.ApiKey("k", **{**GOOD, "labels": {"owner": first.name.apply(lambda _: owner)}})

    if owner:
        run_under_mocks(program, mocks)
    else:
        assert broken(program, mocks, preview=False) == NO_OWNER
    assert [one.name for one in mocks.made if one.typ.startswith("pulumi-python:")] == made


@pytest.mark.parametrize("preview", [True, False])
def test_a_key_that_is_declared_late(preview: bool) -> None:
    """In a callback, too."""

    def program() -> None:
        account.check_rules()
        first = account.ApiKey("a", name="a", **GOOD)
        first.name.apply(lambda _: account.ApiKey("k", **WITHOUT_OWNER) and None)

    assert broken(program, preview=preview) == NO_OWNER


def test_a_late_key_counts_in_a_budget() -> None:
    """A deployment does not make it."""
    mocks = Mocks()

    def program() -> None:
        account.check_rules(budgets={"": 9})
        first = account.ApiKey("a", name="a", **GOOD)
        first.name.apply(lambda _: account.ApiKey("k", **GOOD) and None)

    assert broken(program, mocks, preview=False).endswith("(over-budget)")
    assert "k" not in [made.name for made in mocks.made]


def test_keys_that_were_declared_before() -> None:
    """The preview reports them, too."""

    def program() -> None:
        account.ApiKey("k", **WITHOUT_OWNER)
        account.check_rules()

    assert broken(program) == NO_OWNER


class Team(pulumi.ComponentResource):
    """A component with a key for production."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Team", name, None, opts)
        labels = {"owner": "ada", "environment": "production"}
        account.ApiKey("k", **{**GOOD, "labels": labels}, opts=pulumi.ResourceOptions(parent=self))


def test_keys_in_a_component() -> None:
    """They are checked."""

    def program() -> None:
        account.check_rules()
        Team("team")

    assert broken(program) == (
        "keys break rules:\nk: is for production, and the resource is not protected (unprotected)"
    )


def test_the_protection_of_a_component() -> None:
    """Its keys inherit it."""

    def program() -> None:
        account.check_rules()
        Team("team", pulumi.ResourceOptions(protect=True))

    assert kept(program) == ["k"]


def test_a_key_that_is_only_read() -> None:
    """The program does not declare it."""

    def program() -> None:
        account.check_rules()
        account.ApiKey.get("k", 7)

    assert kept(program) == ["k"]


def test_a_disabled_rule() -> None:
    """It is not checked."""

    def program() -> None:
        account.check_rules(disabled=["no-owner"])
        account.ApiKey("k", **WITHOUT_OWNER)

    assert kept(program) == ["k"]


def test_an_advisory_rule() -> None:
    """It stops nothing."""

    def program() -> None:
        account.check_rules(advisory=["no-owner"])
        account.ApiKey("k", **WITHOUT_OWNER)

    assert kept(program, preview=False) == ["k"]


def test_a_program_without_keys() -> None:
    """There is nothing to check."""
    assert kept(lambda: account.check_rules(budgets={"": 0})) == []


def test_two_calls() -> None:
    """Each checks every key."""

    def program() -> None:
        account.check_rules(disabled=["no-owner"])
        account.check_rules(disabled=["no-limit"])
        account.ApiKey("k", **WITHOUT_OWNER)

    assert broken(program) == NO_OWNER


@pytest.mark.parametrize("preview", [True, False])
def test_the_breaches_of_two_calls(preview: bool) -> None:
    """They are one error, each once."""

    def program() -> None:
        account.check_rules(max_limit=4)
        account.check_rules(max_limit=3)
        account.ApiKey("k", **WITHOUT_OWNER)

    assert broken(program, preview=preview).splitlines() == [
        "keys break rules:",
        "k: may spend more than 4.00 USD (limit-too-high)",
        "k: has no label owner (no-owner)",
        "k: may spend more than 3.00 USD (limit-too-high)",
    ]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_program_that_fails_elsewhere() -> None:
    """The error is the program's."""

    async def fail() -> str:
        raise pulumi.RunError("elsewhere")

    def program() -> None:
        account.check_rules()
        owner: Any = fail()
        account.ApiKey("k", **{**GOOD, "labels": {"owner": pulumi.Output.from_input(owner)}})

    assert broken(program, preview=False) == "elsewhere"


def test_wrong_arguments() -> None:
    """They are one error, at once."""
    with pytest.raises(InvalidInputError, match="max_lifetime is not a duration"):
        run_under_mocks(lambda: account.check_rules(max_lifetime="soon", max_limit=-1))


PROGRAM = """
import pulumi, pulumi_account as account
account.check_rules(max_limit=100, advisory=["no-expiry"])
first = account.ApiKey("first", credit_limit=5, labels={"owner": "ada"})
account.ApiKey("second", credit_limit=LIMIT, labels=LABELS)
"""


@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_breach_on_an_engine(project: Project, command: str) -> None:
    """The run ends with the error, warns of advisory rules, and no key is made."""
    project.write(PROGRAM.replace("LIMIT", "500").replace("LABELS", "{}"))
    result = project.run(command)
    assert ended_with(result) == [
        "keys break rules:\n"
        "second: may spend more than 100.00 USD (limit-too-high)\n"
        "second: has no label owner (no-owner)"
    ]
    assert [d.message for d in result.diagnostics if d.severity == "warning"] == [
        "rules about keys:\nfirst: never expires (no-expiry)\nsecond: never expires (no-expiry)"
    ]
    assert project.emulator.keys() == []


def test_the_inputs_of_an_engine(project: Project) -> None:
    """The rules leave nothing in a state, and a preview says what it cannot check."""
    project.write(PROGRAM.replace("LIMIT", "first.key_id.apply(float)").replace("LABELS", "{'owner': 'ada'}"))
    (warning,) = [d.message for d in project.run("preview").diagnostics if d.severity == "warning"]
    assert "second: not checked: the limit is not known (limit-too-high)" in warning.splitlines()
    made = project.run("up")
    assert made.ok, made.text
    assert "__rules" not in str(project.engine().export())
    assert set(project.run("preview").changes) == {"same"}
