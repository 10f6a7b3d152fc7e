"""From a key file to its keys."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from time import process_time

import pytest

from tests.keyfile.documents import HEAD, failures, loaded, only

TWO = "version: 1\nenvironments: {production: {}, staging: {}}\nteams:\n"
ONE_KEY = f"{HEAD}  search: {{keys: {{indexer: %s}}}}\n"


def of(key: str) -> list[str]:
    """The failures of a file with this key, without its prefix."""
    return [line.partition(": ")[2] for line in failures(ONE_KEY % key)]


def test_labels_come_from_all_levels() -> None:
    """A more specific level wins for each label; every key has four of its own."""
    key = only(
        "version: 1\nlabels: {a: file, b: file, c: file, d: file, e: file}\n"
        "environments: {production: {labels: {b: environment, c: environment, d: environment, e: environment}}}\n"
        "teams:\n  search:\n    owner: team@example.com\n    labels: {c: team, d: team, e: team}\n    keys:\n"
        "      indexer: {owner: key@example.com, labels: {d: key, e: key}, "
        "overrides: {production: {labels: {e: override}}}}\n"
    )
    assert key.labels == {
        "a": "file",
        "b": "environment",
        "c": "team",
        "d": "key",
        "e": "override",
        "team": "search",
        "environment": "production",
        "key": "indexer",
        "owner": "key@example.com",
    }
    assert key.places["labels.owner"].line == 9


def test_a_more_specific_end_of_life_sets_the_others_aside() -> None:
    """Of an instant, a duration and a rotation, the most specific level's is in force."""
    text = (
        "version: 1\ndefaults: {expires_in: 90d}\nenvironments: {e: {}}\nteams:\n  t:\n    keys:\n"
        "      a: {}\n      b: {expires_at: '2040-01-01T00:00:00Z'}\n      c: {rotate: {every: 30d}}\n"
        "      d: {expires_in: null}\n      e: {rotate: {every: 30d}, overrides: {e: {expires_in: 1d}}}\n"
    )
    found = [(k.expires_in, k.expires_at is None, k.rotate is None) for k in loaded(text).keys]
    assert found == [
        (timedelta(days=90), True, True),
        (None, False, True),
        (None, True, False),
        (None, True, True),
        (timedelta(days=1), True, True),
    ]


@pytest.mark.parametrize(
    "pair", ["expires_in: 1d, rotate: {every: 30d}", "expires_at: '2040-01-01T00:00:00Z', expires_in: 1d"]
)
def test_one_level_has_one_end_of_life(pair: str) -> None:
    """Two of them are a failure."""
    (failure,) = of(f"{{{pair}}}")
    assert failure.endswith(" exclude each other: give one of them")


def test_null_sets_a_default_aside() -> None:
    """The key has no limit."""
    assert (
        only(
            ONE_KEY.replace("version: 1", "version: 1\ndefaults: {credit_limit: 1}") % "{credit_limit: null}"
        ).credit_limit
        is None
    )


def test_a_limit_keeps_its_digits() -> None:
    """It is exact, and one that the engine cannot carry is refused."""
    assert only(ONE_KEY % "{credit_limit: 0.10}").credit_limit == Decimal("0.10")
    assert of("{credit_limit: 0.1234567890123456789}") == ["credit_limit must have 15 digits at most, not 19"]


def test_a_name_is_a_template() -> None:
    """Doubled braces are braces; the most specific template wins."""
    key = "{name: '{{{team}}}/{key}', overrides: {staging: {name: exactly this}}}"
    assert [k.name for k in loaded(f"{TWO}  t: {{keys: {{k: {key}}}}}\n").keys] == ["{t}/k", "exactly this"]


def test_a_name_has_no_other_braces() -> None:
    """A misspelled placeholder is reported."""
    assert of("{name: '{tem}'}") == [
        "name may contain {team}, {key} and {environment}; write other braces as {{ and }}"
    ]


@pytest.mark.parametrize(("more", "length"), [("", 255), (", rotate: {every: 1d}", 242)])
def test_a_name_can_be_too_long(more: str, length: int) -> None:
    """A rotating key's name needs room for the generation."""
    assert only(ONE_KEY % f"{{name: {'n' * length}{more}}}").name == "n" * length
    (failure,) = of(f"{{name: {'n' * (length + 1)}{more}}}")
    assert failure.startswith(f"name must have 1 to {length} characters")


def test_two_keys_of_one_name_are_refused_in_one_environment() -> None:
    """In two environments, which may be two accounts, they are not."""
    assert failures(f"{HEAD}  t:\n    keys:\n      a: {{name: x}}\n      b: {{name: x}}\n") == [
        "keys.yaml:7:17: name is also that of the key at keys.yaml:6:7, in the same environment"
    ]
    assert len(loaded(f"{TWO}  t: {{keys: {{a: {{name: x}}}}}}\n").keys) == 2


def test_two_resources_of_one_name_are_refused() -> None:
    """Team and key are joined by a hyphen."""
    assert failures(f"{HEAD}  a-b:\n    keys: {{c: {{}}}}\n  a:\n    keys: {{b-c: {{name: x}}}}\n") == [
        "keys.yaml:7:12: the resource a-b-c is also that of the key at keys.yaml:5:12"
    ]


def test_a_key_is_in_its_environments() -> None:
    """By default in all; an override is for one of them."""
    text = f"{TWO}  t: {{keys: {{a: {{}}, b: {{environments: [staging]}}}}}}\n"
    assert [(k.key, k.environment) for k in loaded(text).keys] == [
        ("a", "production"), ("a", "staging"), ("b", "staging"),
    ]  # fmt: skip
    text = f"{TWO}  t: {{keys: {{b: {{environments: [staging], overrides: {{production: {{}}}}}}}}}}\n"
    assert failures(text) == ["keys.yaml:4:55: the key is not in this environment"]


def test_an_unknown_environment_is_reported() -> None:
    """With the one that it resembles."""
    assert of("{environments: [prod], overrides: {x: {}}}") == [
        "the file has no environment of this name; did you mean production?",
        "the file has no environment of this name",
    ]


def test_former_names_are_paths() -> None:
    """Those of the key, of its team, and of both; a path is exact."""
    text = f"{HEAD}  new:\n    previously: [old]\n    keys: {{k: {{previously: [j, other/k]}}}}\n"
    assert only(text).previously == ("new/j", "old/k", "old/j", "other/k")


def test_a_former_name_is_free() -> None:
    """No other key has it or has had it."""
    keys = "a: {previously: [b]}, b: {}, c: {previously: [x]}, d: {previously: [t/x]}"
    assert failures(f"{HEAD}  t: {{keys: {{{keys}}}}}\n") == [
        "keys.yaml:4:31: previously names the key at keys.yaml:4:36",
        "keys.yaml:4:82: previously names what the key at keys.yaml:4:60 was, too",
    ]


def test_a_budget_is_not_exceeded() -> None:
    """Of an environment, and of a team in all environments; a rotating key counts twice."""
    text = (
        "version: 1\nenvironments:\n  production: {budget: 99}\n  staging: {budget: 1000}\nteams:\n"
        "  t:\n    budget: 199\n    keys: {a: {credit_limit: 20}, b: {credit_limit: 40, rotate: {every: 30d}}}\n"
    )
    assert failures(text) == [
        "keys.yaml:3:24: the credit limits of production sum up to 100.00 USD, more than its budget of 99.00 USD; "
        "a rotating key counts twice",
        "keys.yaml:7:13: the credit limits of t sum up to 200.00 USD, more than its budget of 199.00 USD; "
        "a rotating key counts twice",
    ]
    assert len(loaded(text.replace("99}", "100}").replace("199", "200")).keys) == 4


def test_a_budget_needs_limits() -> None:
    """A key without a limit breaks any."""
    keys = ", ".join(f"{name}: {{}}" for name in "abcde")
    assert failures(f"{HEAD}  t: {{budget: 1, keys: {{{keys}}}}}\n") == [
        "keys.yaml:4:15: budget needs a credit_limit for every key of t; without one: t/a, t/b, t/c and 2 more"
    ]


@pytest.mark.parametrize(
    ("key", "failure"),
    [
        ("{credit_limits: 1}", "unknown field credit_limits; did you mean credit_limit?"),
        ("{Sk-9: 1}", "unknown field"),
        ("{<<: {}}", "unknown field <<: maps cannot be merged: use defaults"),
        ("{credit_limit: ng-canary}", "credit_limit must be a number of USD, not text"),
        ("{is_enabled: no}", "is_enabled must be true or false, not text"),
        ("{protect: 1}", "protect must be true or false, not a number"),
        ("{expires_in: 90}", "expires_in must be text, not 90"),
        ("{delete_guard: 36h}", "delete_guard must be 1 to 30 whole days, such as 7d, not 36h"),
        ("{labels: {team: x}}", "a name in labels must not be one that every key has: team, environment, key, owner"),
        ("{labels: {a: 1.5}}", "labels must be a map of texts, but the value of 'a' is 1.5"),
        ("{rotate: {}}", "rotate needs every"),
        ("{rotate: {every: 1d, overlap: null}}", "overlap must be text, not nothing"),
        ("{rotate: {every: 1d, overlap: 2d}}", "overlap must be at most every"),
        ("{rotate: {every: 1y}}", "every text of 2 characters is not a duration"),
        ("{rotate: {every: 1d}, overrides: {production: {adopt_key_id: 3}}}", "a rotating key cannot adopt a key"),
        ("{previously: [a b]}", "an entry of previously must be a name of 1 to 100 letters"),
        ("{environments: [production, production]}", "an entry of environments is given twice"),
        ("{overrides: {production: {adopt_key_id: x}}}", "adopt_key_id must be a whole number, not text"),
        ("{overrides: {production: {adopt_key_id: 0}}}", "adopt_key_id must be 1 or more"),
        ("{owner: ''}", "owner must not be empty"),
        ("{environments: []}", "environments must have at least one entry; without environments, the default holds"),
        ("[]", "an entry of keys must be a map, not a list"),
    ],
)  # fmt: skip
def test_an_invalid_key_is_reported(key: str, failure: str) -> None:
    """In words that quote no credential."""
    assert of(key)[0].startswith(failure)


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("[]", "keys.yaml:1:1: the file must be a map, not a list"),
        ("", "keys.yaml:1:1: the file must be a map, not nothing"),
        ("version: 1\nteams: {}", "keys.yaml:1:1: the file needs environments"),
        (
            "version: 1\nteams: {}\nenvironments: {}",
            "keys.yaml:3:15: environments must have at least one entry",
        ),
        ("version: 2\nteams: {}\nenvironments: {a: {}}", "keys.yaml:1:10: version must be 1"),
        ("version: 1\nteams: {}\nenvironments: []", "keys.yaml:3:15: environments must be a map, not a list"),
        ("version: 1\nteams: []\nenvironments: {a: {}}", "keys.yaml:2:8: teams must be a map, not a list"),
    ],
)
def test_an_invalid_file_is_reported(text: str, failure: str) -> None:
    """With its place."""
    assert failures(text) == [failure]


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (f"{HEAD}  s:\n    keys:\n      indexer:\n", "6:15: an entry of keys has no value: write {} for an empty map"),
        (f"{HEAD}  search:\n    keys:\n", "5:10: keys has no value: write {} for an empty map"),
        (f"{HEAD}  search:\n", "4:10: an entry of teams has no value: it must be a map with keys"),
        (HEAD, "3:7: teams has no value: write {} for an empty map"),
        ("version: 1\nteams: {}\nenvironments:", "3:14: environments has no value: it must be a map with an entry"),
        (f"{HEAD}  s: {{keys: {{k: {{credit_limit: }}}}}}", "4:32: credit_limit has no value: write null for none"),
        (f"{HEAD}  s: {{keys: {{k: {{is_enabled: }}}}}}", "4:30: is_enabled has no value: it must be true or false"),
        (f"{HEAD}  s: {{keys: {{k: {{owner: }}}}}}", "4:25: owner has no value: it must be text"),
        (f"{HEAD}  s: {{keys: {{k: {{rotate: {{every: }}}}}}}}", "4:34: every has no value: it must be text"),
    ],
)  # fmt: skip
def test_a_name_without_a_value_is_one_failure(text: str, failure: str) -> None:
    """It says what to write."""
    assert failures(text) == [f"keys.yaml:{failure}"]


def test_a_file_has_not_too_many_keys() -> None:
    """Environments times keys."""
    names = ", ".join(f"k{n}: {{}}" for n in range(400))
    text = f"version: 1\nenvironments: {{{names}}}\nteams: {{t: {{keys: {{{names}}}}}}}\n"
    assert failures(text)[-1].endswith(": the file declares more than 100,000 keys")


def test_a_thousand_keys_are_resolved_quickly() -> None:
    """In a tenth of the time that the fastest deployment of them takes, which is above ten seconds."""
    keys = "".join(
        f"      k{n}: {{credit_limit: 10, expires_in: 90d, labels: {{a: b}}}}\n" for n in range(1000)
    )
    start = process_time()
    assert len(loaded(f"{HEAD}  t:\n    keys:\n{keys}").keys) == 1000
    assert process_time() - start < 1
