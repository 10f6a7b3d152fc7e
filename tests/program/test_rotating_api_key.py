"""`RotatingApiKey` as a program declares it: what the engine gets, and what the program sees. Uses Pulumi's mocks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pulumi
import pytest

from pulumi_account import RetiredKey, RotatingApiKey, RotatingApiKeyArgs
from pulumi_account import exceptions as err
from tests.support.helpers import refusal
from tests.support.program_runs import Mocks, run_under_mocks, unknown

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Run = Callable[..., dict[str, Any]]
BATCH: dict[str, Any] = {"name": "batch", "every": "30d"}


def test_input_names_are_pinned() -> None:
    """The inputs in users' states have these names."""
    assert [argument.name for argument in fields(RotatingApiKeyArgs)] == [
        "every", "overlap", "anchor", "rotate_now", "revoke", "name", "name_prefix", "credit_limit", "is_enabled",
        "labels", "delete_guard",
    ]  # fmt: skip


def test_keywords_and_args_are_the_same(run: Run) -> None:
    """Both forms declare the same key."""
    one = run(lambda: RotatingApiKey("k", **BATCH, credit_limit=1.5))
    other = run(lambda: RotatingApiKey("k", RotatingApiKeyArgs(**BATCH, credit_limit=1.5)))
    assert one == other == {**BATCH, "credit_limit": 1.5}


def test_typed_signature_names_every_argument() -> None:
    """For type checkers, the keyword form has exactly the arguments of `RotatingApiKeyArgs`."""
    source = inspect.getsource(RotatingApiKey)
    keywords = source[source.index("*,") : source.index(") -> None: ...", source.index("*,"))]
    for argument in fields(RotatingApiKeyArgs):
        default = "" if argument.default is MISSING else " = None"
        assert f"{argument.name}: {argument.type}{default}," in keywords
    assert keywords.count(": pulumi.Input") == len(fields(RotatingApiKeyArgs))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "RotatingApiKey 'k': missing arguments: every"),
        ({"every": "1d", "expires_in": "1d"}, "RotatingApiKey 'k': unknown arguments: expires_in"),
        (
            {"every": "1d", "rotation_triggers": {}},
            "RotatingApiKey 'k': unknown arguments: rotation_triggers",
        ),
        ({"args": "1d"}, "RotatingApiKey 'k': the second argument must be RotatingApiKeyArgs or "),
        ({"args": RotatingApiKeyArgs(every="1d"), "name": "n"}, "RotatingApiKey 'k': give either "),
        ({"every": "1d", "opts": {}}, "RotatingApiKey 'k': opts must be pulumi.ResourceOptions, not dict"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: dict[str, Any], line: str) -> None:
    """The error is a `TypeError` that Pulumi shows without a traceback."""
    error = refusal_of(arguments)
    assert isinstance(error, TypeError)
    assert str(error).startswith(line)


def refusal_of(arguments: dict[str, Any]) -> pulumi.RunError:
    """The error of a declaration."""
    with pytest.raises(pulumi.RunError) as caught:
        RotatingApiKey("k", **arguments)
    return caught.value


@pytest.mark.parametrize(
    ("argument", "value", "line"),
    [
        ("every", timedelta(seconds=1.5), "must be a duration of whole seconds"),
        ("overlap", 5j, "must not be of type complex"),
        ("anchor", b"now", "must not be of type bytes"),
        ("rotate_now", "\ud83d", "must be Unicode text without lone surrogates"),
        ("credit_limit", Decimal("1.0000000000000000001"), "must have 15 digits at most, not 20"),
        ("labels", {"a": None}, "must be a map of texts, but one of them is None"),
    ],
)
def test_what_the_engine_cannot_carry_is_one_line(argument: str, value: Any, line: str) -> None:
    """A value that cannot reach `check` stops the program with one line."""
    assert str(refusal_of({**BATCH, argument: value})) == f"RotatingApiKey 'k': {argument} {line}"


def test_durations_and_instants_are_texts(run: Run) -> None:
    """They may be given as Python's own types, also as Outputs."""
    day = timedelta(days=1)
    inputs = run(
        lambda: RotatingApiKey(
            "k",
            name="n",
            every=pulumi.Output.from_input(30 * day),
            overlap=day / 2,
            anchor=datetime(2026, 1, 1, tzinfo=timezone.utc),
            delete_guard=7 * day,
        )
    )
    assert inputs == {
        "name": "n",
        "every": "30d",
        "overlap": "12h",
        "anchor": "2026-01-01T00:00:00+00:00",
        "delete_guard": "7d",
    }


def test_a_default_prefix_is_the_resources_name(run: Run) -> None:
    """And a hyphen; `check` is informed that it is a default."""
    assert run(lambda: RotatingApiKey("k", every="1d")) == {
        "every": "1d",
        "name_prefix": "k-",
        "__default_prefix": True,
    }


def test_a_long_name_is_cut(run: Run) -> None:
    """A prefix has at most 235 characters."""
    inputs = run(lambda: RotatingApiKey("k" * 300, every="1d"), of="k" * 300)
    assert inputs["name_prefix"] == "k" * 234 + "-"


def test_a_secret_prefix_is_refused(run: Run) -> None:
    """The name made of it is not secret."""
    with pytest.raises(pulumi.RunError, match=r"^RotatingApiKey 'k': name_prefix must not be a secret"):
        run(lambda: RotatingApiKey("k", every="1d", name_prefix=pulumi.Output.secret("p")))


def test_a_preview_is_marked(run: Run) -> None:
    """`check` cannot know it from the engine."""
    assert run(lambda: RotatingApiKey("k", **BATCH), preview=True)["__preview"] is True


def test_an_import_is_refused() -> None:
    """The engine cannot import a dynamic resource, and would report that with a traceback."""
    with pytest.raises(pulumi.RunError, match=r"^RotatingApiKey 'k': import_ cannot work"):
        RotatingApiKey("k", **BATCH, opts=pulumi.ResourceOptions(import_="1"))


class Rotated(Mocks):
    """The engine's answer about a key that has been rotated."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Numbers are floats there."""
        retired = [
            {"key_id": 7.0, "name": "batch-0", "expires_at": "2026-01-01T00:00:00Z"},
            {"key_id": 8.0, "name": "batch-1"},
        ]
        return "id", {**args.inputs, "generation": 2.0, "key_id": 9.0, "retired": retired}


def test_numbers_are_integers() -> None:
    """Generation and id, those of retired keys as well."""

    def program() -> Any:
        key = RotatingApiKey("k", **BATCH)
        ids = key.retired.apply(lambda retired: [one.key_id for one in retired])
        return pulumi.Output.all(key.generation, key.key_id, ids)

    found = run_under_mocks(program, Rotated())
    assert found == [2, 9, [7, 8]]
    assert [type(number) for number in (*found[:2], *found[2])] == [int] * 4


def test_a_retired_key_has_attributes() -> None:
    """`expires_at` is None if it could not be set."""
    seen: list[RetiredKey] = []
    run_under_mocks(lambda: RotatingApiKey("k", **BATCH).retired.apply(seen.extend) and None, Rotated())
    assert [(one.name, one.expires_at) for one in seen] == [
        ("batch-0", "2026-01-01T00:00:00Z"),
        ("batch-1", None),
    ]
    assert {type(one) for one in seen} == {RetiredKey}


def test_a_missing_plaintext_is_reported() -> None:
    """`require_key` names the resource."""

    def program() -> Any:
        return RotatingApiKey("k", **BATCH).require_key()

    refusal(
        pulumi.RunError,
        lambda: run_under_mocks(program, Rotated()),
        "RotatingApiKey 'k': its plaintext is not known",
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"every": "x"}, "every text"),
    ({"overlap": "31d"}, "overlap must be at most every"),
    ({"anchor": "1900-01-01T00:00:00Z"}, "anchor must be in the years 1970 to 2999"),
    ({"rotate_now": 5}, "rotate_now must be text, not 5.0"),
    ({"credit_limit": -1}, "credit_limit must be 0 USD or more, not -1.0"),
    ({"name_prefix": "n"}, "name and name_prefix exclude each other"),
    ({"delete_guard": "31d"}, "delete_guard must be 1 to 30 whole days"),
]


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input], ids=["plain", "output"])
@pytest.mark.parametrize(("wrong", "failure"), WRONG, ids=[*map(str, range(len(WRONG)))])
def test_what_check_refuses_fails_under_mocks(
    wrong: dict[str, Any], failure: str, wrap: Callable[[Any], Any]
) -> None:
    """An invalid value fails with the provider's message."""

    def program() -> None:
        RotatingApiKey("k", **{**BATCH, **{name: wrap(value) for name, value in wrong.items()}})

    error = refusal(err.InvalidInputError, lambda: run_under_mocks(program))
    (line,) = error.failures
    assert line.startswith(failure)


def test_what_is_unknown_is_not_refused_under_mocks() -> None:
    """In a preview, only known inputs are checked."""
    run_under_mocks(lambda: RotatingApiKey("k", name=unknown(), every=unknown()) and None, preview=True)
