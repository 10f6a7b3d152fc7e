"""`balance` and `activity`."""

from __future__ import annotations

import csv
import json
from contextlib import redirect_stdout
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.cli.options import Form
from pulumi_account.cli.output import emit
from pulumi_account.cli.tables import Column
from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.emulator import Edit, Emulator, Fault
from tests.support.shell import Shell

TINY = "0.000000000000000001"
ODD = "[red]x[/red] \x1b[31m\u202e\n:smile:"
SHOWN = "[red]x[/red] [U+001B][31m[U+202E][U+000A]:smile:"


# --- balance


@pytest.mark.parametrize(
    ("balance", "shown"),
    [
        ("125.50", "125.50 USD\n"),
        ("7", "7.00 USD\n"),
        ("-3.5", "-3.50 USD\n"),
        (f"125.5{TINY[3:]}", f"125.5{TINY[3:]} USD\n"),
        ("0", "0.00 USD\n"),
    ],
)
def test_a_balance_is_exact(balance: str, shown: str, shell: Shell, emulator: Emulator) -> None:
    """Every digit, and at least two decimals."""
    emulator.balance = balance
    assert shell("balance").out == shown
    assert shell("balance", "--json").json == {"balance": balance}
    assert shell("balance", "--csv").csv == ["balance", balance]


def test_an_absurd_balance(shell: Shell, emulator: Emulator) -> None:
    """An exponent stays an exponent, instead of a row of zeros."""
    emulator.faults.add(Fault(Edit(replace={"balance": "1e35"}), times=None))
    assert shell("balance").out == "1E+35 USD\n"
    assert shell("balance", "--json").json == {"balance": "1E+35"}


@pytest.mark.parametrize(
    ("balance", "least", "status"),
    [
        ("50", "50", 0),
        ("50", "50.00", 0),
        (f"49.9{'9' * 17}", "50", 3),
        (f"50.{TINY[2:]}", f"50.{TINY[2:]}", 0),
        ("-1", "-1", 0),
        ("-1.01", "-1", 3),
    ],
)
def test_the_condition_is_exact(
    balance: str, least: str, status: int, shell: Shell, emulator: Emulator
) -> None:
    """If the balance is below the minimum by the smallest amount, the status is 3, and stderr says so."""
    emulator.balance = balance
    done = shell("balance", "--min", least)
    assert (done.status, done.err.count("\n")) == (status, 1 if status else 0)
    assert done.out.endswith(" USD\n")


def test_the_condition_for_programs(shell: Shell, emulator: Emulator) -> None:
    """JSON and CSV say whether the condition holds, in addition to the status."""
    emulator.balance = "4.20"
    done = shell("balance", "--min", "50", "--json")
    assert (done.status, done.json) == (3, {"balance": "4.20", "min": "50", "enough": False})
    assert done.err == "the balance is 4.20 USD, less than 50.00 USD\n"
    assert shell("balance", "--min", "4.2", "--csv").csv == ["balance,min,enough", "4.20,4.2,true"]


# --- activity


def test_an_account_that_does_nothing(shell: Shell) -> None:
    """Every day is listed with zeros; no model and no key is listed."""
    done = shell("activity", "--days", "3")
    assert [line.split()[1:] for line in done.lines[1:4]] == [["0", "0.00", "0", "0"]] * 3
    assert done.lines[4] == "total: 0 requests, 0.00 USD, 0 input and 0 output tokens in 3 days"
    assert done.lines[5].startswith("runway: no end in sight")
    for by in ("model", "key"):
        assert shell("activity", "--by", by).lines[0].startswith("total: ")
        assert shell("activity", "--by", by, "--json").json["rows"] == []


def test_every_day_is_there(shell: Shell, emulator: Emulator) -> None:
    """By day: in order, including days without activity."""
    today = emulator.clock.now().date()
    emulator.add_usage(1, requests=2, cost="1.5", day=today - timedelta(days=2), key_name="k")
    rows = shell("activity", "--days", "4", "--json").json["rows"]
    assert [row["date"] for row in rows] == [(today - timedelta(days=n)).isoformat() for n in (3, 2, 1, 0)]
    assert [row["requests"] for row in rows] == [0, 2, 0, 0]
    assert rows[1]["cost"] == "1.5"


def test_the_most_expensive_model_comes_first(shell: Shell, emulator: Emulator) -> None:
    """By model: decimal points are aligned, and the models that the API does not name have one line."""
    for number in range(12):
        emulator.add_usage(
            1, f"m{number}", requests=20 - number, cost=f"{number}.{'1' * number}", key_name="k"
        )
    done = shell("activity", "--by", "model")
    assert [line.split()[0] for line in done.lines[:4]] == ["MODEL", "m9", "m8", "m7"]
    assert {line.index(".") for line in done.lines[1:11]} == {done.lines[1].index(".")}
    assert done.lines[11].startswith("other models: 19 requests, 21.22222222221 USD")
    assert shell("activity", "--by", "model", "--json").json["others"]["cost"] == "21.22222222221"


def test_a_deleted_key_still_has_usage(shell: Shell, emulator: Emulator) -> None:
    """By key: a deleted key is marked, and an unused key is left out."""
    for name in ("alive", "idle"):
        emulator.add(name)
    emulator.add_usage(1, cost=1)
    emulator.add_usage(77, cost=2, key_name="gone")
    rows = shell("activity", "--by", "key", "--json").json["rows"]
    assert [(row["id"], row["name"], row["state"]) for row in rows] == [
        (77, "gone", "deleted"),
        (1, "alive", "active"),
    ]
    assert shell("activity", "--by", "key").lines[1].split()[:3] == ["77", "gone", "deleted"]


def test_the_whole_document(shell: Shell, emulator: Emulator) -> None:
    """The names that programs rely on."""
    emulator.balance = "10"
    emulator.add_usage(1, "m", requests=2, cost="3", input_tokens=4, output_tokens=5, key_name="k")
    used = {"requests": 2, "cost": "3", "input_tokens": 4, "output_tokens": 5}
    today = emulator.clock.now().date()
    emulator.add_usage(1, cost="8", day=today - timedelta(days=8), key_name="k")
    emulator.add_usage(1, cost="7", day=today - timedelta(days=7), key_name="k")
    document = shell("activity", "--by", "key", "--days", "3", "--json").json
    ends_on = date.fromisoformat(document["runway"].pop("ends_on"))
    assert (ends_on - emulator.clock.now().date()).days in (5, 6)
    assert document == {
        "period_days": 3,
        "by": "key",
        "total": used,
        "rows": [{"id": 1, "name": "k", "state": "deleted", **used}],
        "runway": {
            "days": "5.333333333333333333333333333",
            "balance": "10",
            "mean_daily_cost": "1.875",
            "period_days": 8,
            "days_at_7_day_mean": "10",
            "days_at_30_day_mean": "5.333333333333333333333333333",
        },
    }
    assert shell("activity", "--by", "model", "--csv").csv == [
        "model,requests,cost,input_tokens,output_tokens",
        "example-model,2,15,0,0",
        "m,2,3,4,5",
    ]


def test_the_runway_does_not_go_by_the_period(shell: Shell, emulator: Emulator) -> None:
    """For an account first used yesterday, 60 USD at 30 a day last two days, for any period."""
    emulator.balance = "60"
    day = emulator.clock.now().date() - timedelta(days=1)
    emulator.add_usage(1, key_name="k", cost="30", day=day)
    emulator.add_usage(1, key_name="k", cost="500")
    for days in ("1", "30"):
        assert shell("activity", "--days", days, "--json").json["runway"]["days"] == "2"
    done = shell("activity", "--days", "1")
    assert done.lines[-1].startswith(
        f"runway: 2.0 days, until {day + timedelta(days=3)}: 60.00 USD left at 30"
    )


def test_another_period_is_told(shell: Shell, emulator: Emulator) -> None:
    """If the API reports another period than the requested one, a warning says so."""
    emulator.faults.add(Fault(Edit(replace={"period_days": 30}), operation="get_activity"))
    done = shell("activity", "--days", "7")
    assert (done.status, done.err) == (0, "warning: asked for 7 days, but the API reports 30\n")


def test_names_are_only_shown(shell: Shell, emulator: Emulator) -> None:
    """Markup, escape sequences, line breaks and changes of direction are written out; JSON has the exact name."""
    emulator.add_usage(1, ODD, key_name="=1+1", cost=1)
    done = shell("activity", "--by", "model")
    assert done.lines[1].startswith(SHOWN + "  ")
    assert shell("activity", "--by", "model", "--json").json["rows"][0]["model"] == ODD
    assert next(csv.reader(shell("activity", "--by", "model", "--csv").lines[1:]))[0] == SHOWN


@pytest.mark.parametrize("before", ["", "  "])
@pytest.mark.parametrize("sign", "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u2212\u2a75")
def test_spreadsheets_compute_no_name(before: str, sign: str, shell: Shell, emulator: Emulator) -> None:
    """In CSV, a text that would be a formula begins with an apostrophe; a negative amount does not."""
    name = f"{before}{sign}1+1"
    emulator.add_usage(1, key_name=name, cost=-1)
    row = next(csv.DictReader(shell("activity", "--by", "key", "--csv").lines))
    assert (row["name"], row["cost"]) == (f"'{name}", "-1")


@pytest.mark.parametrize("blank", "\t\r\n\v\f\0\x85\xa0\u200b\u2009\u2060\u3000\ufeff\u202e")
def test_a_blank_hides_no_formula(blank: str, shell: Shell, emulator: Emulator) -> None:
    """Characters that a spreadsheet may skip before a formula are written out, so the text begins with a bracket."""
    emulator.add_usage(1, key_name=f"{blank}=1+1", cost=1)
    (row,) = csv.DictReader(shell("activity", "--by", "key", "--csv").lines)
    assert row["name"] == f"[U+{ord(blank):04X}]=1+1"


@given(name=st.text(min_size=1, max_size=30))
def test_no_name_begins_a_formula_or_a_cell(name: str) -> None:
    """Any name is one quoted field, and does not begin with a formula's sign or a look-alike."""
    with redirect_stdout(StringIO()) as out:
        emit([Column("name"), Column("n")], [{"name": name, "n": 1}], Form.CSV)
    (row,) = csv.DictReader(StringIO(out.getvalue()))
    assert out.getvalue().endswith('","1"\n')
    assert normalize("NFKC", row["name"]).strip()[:1] not in {*"=+-@", "\N{MINUS SIGN}"}


# --- activity by a label


TEAM = "team=^(?P<team>[^-]+)-"


def spend(emulator: Emulator, **costs: str) -> None:
    """Keys with this spending, by their names."""
    for name, cost in costs.items():
        key_id, _ = emulator.add(name.replace("_", "-"))
        emulator.add_usage(key_id, cost=cost, requests=2, input_tokens=3, output_tokens=4)


def export(file: Path, key_id: int, created_at: str, **outputs: object) -> str:
    """The export of a stack with a key."""
    key = {"type": API_KEY_TYPE, "id": str(key_id), "outputs": {"created_at": created_at, **outputs}}
    file.write_text(json.dumps({"deployment": {"resources": [key]}}))
    return str(file)


def test_groups_in_every_form(shell: Shell, emulator: Emulator) -> None:
    """By team: the names that programs rely on, and a row for what belongs to no team."""
    spend(emulator, ads_1="1", ads_2="0.5", web_1="2", other="4")
    command = ("activity", "--by", "team", "--group", TEAM)
    document = shell(*command, "--json").json
    assert document["rows"] == [
        {"team": "web", "keys": 1, "requests": 2, "cost": "2", "input_tokens": 3, "output_tokens": 4},
        {"team": "ads", "keys": 2, "requests": 4, "cost": "1.5", "input_tokens": 6, "output_tokens": 8},
        {"team": "unassigned", "keys": 1, "requests": 2, "cost": "4", "input_tokens": 3, "output_tokens": 4},
    ]
    assert document["by"] == "team"
    assert document["keyless"] == {"requests": 0, "cost": "0", "input_tokens": 0, "output_tokens": 0}
    assert shell(*command, "--csv").csv[:2] == [
        "team,keys,requests,cost,input_tokens,output_tokens",
        "web,1,2,2,3,4",
    ]
    assert [line.split() for line in shell(*command).lines[:2]] == [
        ["TEAM", "KEYS", "REQUESTS", "COST", "USD", "TOKENS", "IN", "TOKENS", "OUT"],
        ["web", "1", "2", "2.00", "3", "4"],
    ]


def test_usage_without_a_key(shell: Shell, emulator: Emulator) -> None:
    """What the API counts under no key is unassigned; a line and a field say how much that is."""
    spend(emulator, ads_1="1")
    emulator.faults.add(Fault(Edit(replace={"api_key_usage": []}), operation="get_activity", times=None))
    command = ("activity", "--by", "team", "--group", TEAM)
    document = shell(*command, "--json").json
    assert [(row["team"], row["keys"], row["cost"]) for row in document["rows"]] == [("unassigned", 0, "1")]
    assert document["keyless"]["cost"] == "1"
    assert "under no key: 2 requests, 1.00 USD, 3 input and 4 output tokens" in shell(*command).lines


@pytest.mark.parametrize(
    ("by", "field"), [("label:team", "label"), ("label:cost-center", "label"), ("owner", "owner")]
)
def test_any_label(by: str, field: str, shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A label of any name groups; those with a word of their own also have a field of their own."""
    spend(emulator, k="1")
    labels = {"team": "x", "cost-center": "x", "owner": "x"}
    stack = export(tmp_path / "s", 1, str(emulator.keys()[0]["created_at"]), labels=labels)
    (row,) = shell("activity", "--by", by, "--stack", stack, "--json").json["rows"]
    assert row[field] == "x"


def test_a_stack_has_precedence(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A label in a stack counts for more than a pattern."""
    spend(emulator, ads_1="1", ads_2="2")
    stack = export(tmp_path / "s", 1, str(emulator.keys()[0]["created_at"]), labels={"team": "web"})
    rows = shell("activity", "--by", "team", "--group", TEAM, "--stack", stack, "--json").json["rows"]
    assert [(row["team"], row["cost"]) for row in rows] == [("ads", "2"), ("web", "1")]


KEY_FILE = """
version: 1
environments: {production: {}}
teams:
  web: {keys: {site: {}, batch: {rotate: {every: 30d}}}}
"""


def test_a_key_file_has_labels(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """The keys that it declares are found by their names, a rotating one in every generation."""
    file = tmp_path / "keys.yaml"
    file.write_text(KEY_FILE)
    spend(emulator, web_site_production="1", web_batch_production_7="2", other="4")
    rows = shell("activity", "--by", "team", "--keys", str(file), "--json").json["rows"]
    assert [(row["team"], row["keys"], row["cost"]) for row in rows] == [
        ("web", 2, "3"),
        ("unassigned", 1, "4"),
    ]


def test_a_key_file_has_precedence_over_a_pattern(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """The label of the file counts."""
    file = tmp_path / "keys.yaml"
    file.write_text(KEY_FILE)
    spend(emulator, web_site_production="1")
    command = ("activity", "--by", "team", "--keys", str(file), "--group", "team=(?P<team>site)")
    (row,) = shell(*command, "--json").json["rows"]
    assert row["team"] == "web"


def test_a_key_file_that_is_wrong(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Its lines are reported, and no call is made."""
    file = tmp_path / "keys.yaml"
    file.write_text(KEY_FILE.replace("keys:", "kies:"))
    done = shell("activity", "--by", "team", "--keys", str(file))
    assert (done.status, emulator.calls.operations) == (1, [])
    assert f"{file}:5:" in done.err
    done = shell("activity", "--by", "team", "--keys", str(tmp_path / "none.yaml"))
    assert (done.status, done.err) == (1, f"error: {tmp_path}/none.yaml: No such file or directory\n")


def test_each_failure_of_a_key_file_is_a_line(shell: Shell, tmp_path: Path) -> None:
    """As `keyfile check` prints them, because a file can have dozens."""
    file = tmp_path / "keys.yaml"
    file.write_text("version: 2\nenvironments: {production: {}}\nteams: {t: {kies: {}}}\n")
    done = shell("activity", "--by", "team", "--keys", str(file))
    places = [line.partition(": ")[2].partition(": ")[0] for line in done.err.splitlines()]
    assert (done.status, places[:2]) == (1, [f"{file}:1:10", f"{file}:3:12"])


def test_replaced_keys_belong_to_their_resource(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A deleted key that no stack has any more is found by its auto-name."""
    spend(emulator, ci_0f0f0f0="1", ci_1111111="2")
    created_at = str(emulator.keys()[1]["created_at"])
    emulator.remove(1)
    stack = export(
        tmp_path / "s", 2, created_at, name="ci-1111111", name_prefix="ci-", labels={"team": "web"}
    )
    (row,) = shell("activity", "--by", "team", "--stack", stack, "--json").json["rows"]
    assert (row["team"], row["keys"], row["cost"]) == ("web", 2, "3")


def test_labels_are_only_shown(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Escape sequences and formulas in labels are text; JSON has the exact value."""
    spend(emulator, k="1")
    stack = export(tmp_path / "s", 1, str(emulator.keys()[0]["created_at"]), labels={"team": f"={ODD}"})
    command = ("activity", "--by", "team", "--stack", stack)
    assert shell(*command).lines[1].startswith(f"={SHOWN}  ")
    assert shell(*command, "--json").json["rows"][0]["team"] == f"={ODD}"
    assert next(csv.reader(shell(*command, "--csv").lines[1:]))[0] == f"'={SHOWN}"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--by", "team"], "--by team needs --stack"),
        (["--by", "color"], "must be day, model, key, team, environment, owner or label:NAME"),
        (["--by", "label:"], "must be day, model, key, team, environment, owner or label:NAME"),
        (["--group", TEAM], "need --by team, environment, owner or label:NAME, or --focus"),
        (["--by", "team", "--group", "team=("], "has an invalid regular expression"),
        (["--by", "team", "--group", "team=x"], "has no group (?P<team>...)"),
        (["--focus"], "--focus needs --csv"),
        (["--focus", "--json"], "--focus needs --csv"),
        (["--focus", "--csv", "--by", "model"], "--focus needs --csv, and its rows are keys"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str, shell: Shell, emulator: Emulator) -> None:
    """Status 2, a line that says what is wrong, and no call."""
    done = shell("activity", *arguments)
    assert (done.status, done.out, emulator.calls.operations) == (2, "", [])
    assert problem in " ".join(done.err.replace("\u2502", " ").split())


# --- FOCUS


def focus(shell: Shell, *arguments: str) -> list[dict[str, str]]:
    """The rows in the columns of FOCUS."""
    return [*csv.DictReader(shell("activity", "--csv", "--focus", *arguments).lines)]


def test_focus(shell: Shell, emulator: Emulator) -> None:
    """A row has the columns of FOCUS 1.2 that the API can fill, and no other but with x_."""
    spend(emulator, ads_1="1.50")
    today = emulator.clock.now().date()
    (row,) = focus(shell, "--days", "7", "--group", TEAM)
    assert row == {
        "BilledCost": "1.50",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": "Requests with the API key ads-1",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": f"{today + timedelta(days=1)}T00:00:00Z",
        "ChargePeriodStart": f"{today - timedelta(days=6)}T00:00:00Z",
        "ConsumedQuantity": "7",
        "ConsumedUnit": "Tokens",
        "EffectiveCost": "1.50",
        "ProviderName": emulator.url.removeprefix("http://"),
        "ResourceId": "1",
        "ResourceName": "ads-1",
        "ResourceType": "API key",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "AI gateway",
        "ServiceSubcategory": "Generative AI",
        "Tags": '{"team": "ads"}',
        "x_InputTokens": "3",
        "x_OutputTokens": "4",
        "x_Requests": "2",
    }


def test_focus_needs_no_labels(shell: Shell, emulator: Emulator) -> None:
    """Without a source, there are no tags."""
    spend(emulator, k="1")
    assert [row["Tags"] for row in focus(shell)] == [""]


def test_focus_adds_up(shell: Shell, emulator: Emulator) -> None:
    """The rows' sum is the account's total: a row without a resource has what the API counts under no key."""
    spend(emulator, a="1", b="2.25")
    stats = {"total_requests": 9, "total_cost": "4", "total_input_tokens": 10, "total_output_tokens": 20}
    emulator.faults.add(Fault(Edit(replace={"total_stats": stats}), operation="get_activity", times=None))
    rows = focus(shell)
    assert sum(Decimal(row["BilledCost"]) for row in rows) == 4
    assert [(row["ResourceId"], row["BilledCost"], row["x_Requests"]) for row in rows][2] == ("", "0.75", "5")


def test_focus_with_hostile_names(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Names and labels are text for spreadsheets, and tags are JSON."""
    key_id, _ = emulator.add("=1+1")
    emulator.add_usage(key_id, cost=1)
    labels = {"team": "=1\x1b", 'x"': "\u202e"}
    stack = export(tmp_path / "s", 1, str(emulator.keys()[0]["created_at"]), labels=labels)
    (row,) = focus(shell, "--stack", stack)
    assert row["ResourceName"] == "'=1+1"
    assert json.loads(row["Tags"]) == labels
    assert row["Tags"].isascii()
