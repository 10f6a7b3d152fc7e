"""`balance` and `activity`."""

from __future__ import annotations

import csv
from contextlib import redirect_stdout
from datetime import date, timedelta
from io import StringIO
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.cli.options import Form
from pulumi_account.cli.output import emit
from pulumi_account.cli.tables import Column
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
