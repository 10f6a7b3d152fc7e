"""The page: it shows every account correctly, and needs nothing outside itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.emulator import Emulator
from pulumi_account.report import render
from pulumi_account.report.sections import CHART_ROWS
from pulumi_account.spend.attribution import Group
from tests.report.pages import MARKUP, NOTHING, Page, full, key, shown, spent, stats
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import NOW

ELEMENTS = """html head meta title style body main header h1 h2 p time dl div dt dd data section ul li figure figcaption
svg desc g path text details summary table caption thead tbody tr th td bdi span"""
#: where there is nothing to say
NONE = "\N{EN DASH}"


# --- what is said


def test_tiles() -> None:
    """Balance, runway, spend and keys, with all digits of the balance if it is rounded."""
    text = " ".join(" ".join(full().texts("dt", "dd", "data")).split())
    assert "Balance 125.50 USD exactly 125.503000000000000001 USD" in text
    assert (
        "Runway 18.9 days until 20 Jun 2026, at 6.66 USD a day, the mean of the last 7 whole days; "
        "18.9 days at the 7-day mean, 78.1 days at the 30-day mean" in text
    )
    assert "Spent in the last 30 days 46.60 USD 10 requests, 105 tokens" in text
    assert "Keys 5 3 active, 1 disabled, 1 expired" in text


def test_keys_beside_their_limits() -> None:
    """Each key with its spend, its limit, the used share of it, its expiry and its state."""
    head, *rows = full().rows["Keys"]
    assert head == ["Key", "Spend, USD", "Limit, USD", "Limit used", "Requests", "Tokens", "Expires", "State"]
    assert rows == [
        [f"{MARKUP} #2", "4.60", "5.00", "92.0%", "10", "105", "4 Jun 2026, 22:00 UTC", "active"],
        ["long ago #5", "0.00", "none", NONE, "0", "0", "1 Jan 2026, 00:00 UTC", "expired"],
        ["production #1", "40.00", "500.00", "8.0%", "10", "105", "never", "active"],
        ["name 99 #99", "2.00", NONE, NONE, "10", "105", NONE, "deleted"],
        [rows[4][0], "<0.0001", "none", NONE, "10", "105", "2 Jun 2026, 00:00 UTC", "disabled"],
        ["idle #4", "0.00", "0.00", NONE, "0", "0", "never", "active"],
    ]


def test_amounts_keep_their_digits() -> None:
    """A rounded amount also has all its digits."""
    assert "0.000001" in [data["value"] for data in full().named("data")]


def test_what_needs_attention() -> None:
    """Keys near their limit, about to expire, and expired; but not a disabled key that expires."""
    assert full().texts("li") == [
        f"{MARKUP} has used 92.0% of its limit.",
        f"{MARKUP} expires on 4 Jun 2026, 22:00 UTC.",
        "long ago expired on 1 Jan 2026, 00:00 UTC.",
    ]


def test_models_and_the_rest() -> None:
    """The use that the API counts under no model is a line of text, not a row or a bar."""
    assert [row[:2] for row in full().rows["Spend by model"]] == [
        ["Model", "Spend, USD"],
        ["large", "30.00"],
        [MARKUP, "0.5000"],
    ]
    assert "All other models together: 16.10 USD, 0 requests, 0 tokens." in full().texts("p")


@pytest.mark.parametrize("name", ["other", "all other models", "2 more keys together"])
def test_no_name_merges_with_the_rest(name: str) -> None:
    """A model and a key with the name of the rest keep their own row and bar."""
    models = {name: "1", **{f"m{n}": "0.5" for n in range(CHART_ROWS + 1)}}
    page = shown("10", spent({1: "1", **dict.fromkeys(range(2, 24), "0.5")}, models, "20"), [key(1, name)])
    assert page.rows["Spend by model"][1][:2] == [name, "1.00"]
    assert f"{name}: 1.00 USD" in page.texts("title")
    assert "All other models together: 9.50 USD, 20 requests, 210 tokens." in page.texts("p")
    assert "3 more keys together: 1.50 USD, 30 requests, 315 tokens." in page.texts("p")


def test_days_without_activity_are_shown() -> None:
    """Each day of the period has its row, the latest first."""
    rows = full().rows["Spend per day"][1:]
    assert len(rows) == 30
    assert rows[:2] == [["1 Jun 2026", "0.00", "0", "0"], ["31 May 2026", "46.60", "10", "105"]]


@pytest.mark.parametrize(
    ("activity", "keys", "sentences"),
    [
        (NOTHING, [], ["Nothing was spent in the last 30 days.", "No model was used in the last 30 days.",
                       "The account has no keys."]),
        (NOTHING, [key(1, "idle")], ["No key spent anything in the last 30 days.",
                                     "No key has a credit limit that it could spend."]),
        (spent(total_stats=stats("0", 12)), [], ["Nothing was spent in the last 30 days, in 12 requests."]),
    ],
)  # fmt: skip
def test_sentences_instead_of_empty_charts(activity: Activity, keys: list[Key], sentences: list[str]) -> None:
    """A sentence replaces a chart that would be empty."""
    page = shown("10", activity, keys)
    assert set(sentences) <= set(page.texts("p"))
    assert page.named("svg") == []
    assert "no end in sight" in page.text


@pytest.mark.parametrize(
    ("balance", "line", "runway"),
    [
        ("-3.2", "The balance is negative.", "nothing left"),
        ("0", "The account is empty.", "nothing left"),
        ("4", "The money lasts less than 7 days.", "0.7 days"),
    ],
)
def test_little_money(balance: str, line: str, runway: str) -> None:
    """A negative balance and a short runway come first."""
    page = shown(balance, spent(cost="40"), [])
    assert page.texts("li") == [line]
    assert runway in page.texts("dd")


def test_many_keys() -> None:
    """Of ten thousand keys the charts show twenty and the table two hundred; the others are summed up."""
    keys = [key(n, f"key {n}", credit_limit=2) for n in range(1, 10_001)]
    page = shown("10000", spent(dict.fromkeys(range(1, 10_001), "1")), keys)
    assert len(page.rows["Keys"]) == 1 + 200
    assert "Not in the table: 9,800 more keys, which spent 9,800.00 USD together." in page.texts("p")
    assert "9,980 more keys together: 9,980.00 USD, 99,800 requests, 1,047,900 tokens." in page.texts("p")
    assert len(page.source) < 500_000


def test_the_rest_is_no_bar() -> None:
    """The sum of thousands of keys is a line of text: as a bar it would dwarf all others."""
    page = shown("10", spent({1: "9", **dict.fromkeys(range(2, 3_000), "1")}), [])
    bars = page.bars
    assert bars.pop("name 1 (deleted): 9.00 USD") == pytest.approx(340)
    assert [*bars.values()] == [pytest.approx(340 / 9)] * (CHART_ROWS - 1)


def severe(page: Page, names: list[str]) -> None:
    """These keys, and no others, come first in the table, and each has its own line above."""
    assert [row[0].rpartition(" ")[0] for row in page.rows["Keys"][1 : len(names) + 1]] == names
    told = [line for line in page.texts("li") if not line.startswith("The ")]
    assert sorted(told) == sorted(line for line in told if line.split(" ")[0] in names)
    assert {line.split(" ")[0] for line in told} == set(names)


def test_the_worst_of_thousands_of_keys() -> None:
    """Keys over and near their limit, about to expire and expired, even if they spent little."""
    costs = dict.fromkeys(range(1, 5001), "5") | {10_001: "1.2", 10_002: "0.95", 10_003: "0", 10_004: "0"}
    keys = [key(n, f"key-{n}", credit_limit=100) for n in range(1, 5_001)]
    keys += [
        key(10_004, "expired", expires_at="2026-05-01T00:00:00Z"),
        key(10_003, "soon", expires_at="2026-06-03T00:00:00Z"),
        key(10_002, "near", credit_limit=1),
        key(10_001, "over", credit_limit=1),
    ]
    severe(shown("100000", spent(costs), keys), ["over", "near", "soon", "expired"])


def test_thousands_of_bad_keys() -> None:
    """Each is listed in the table and above it, where most are folded; none is summed up."""
    keys = [key(n, f"key-{n}", credit_limit=1) for n in range(1_001, 2_001)]
    page = shown("100000", spent(dict.fromkeys(range(1_001, 2_001), "1")), keys)
    severe(page, [f"key-{n}" for n in range(1_001, 2_001)])
    assert "and 990 more" in page.texts("summary")


def test_limits_go_by_the_longest_period() -> None:
    """A key that spent 113 % of its limit, most of it before the page's period, is over it."""
    week, month = spent({1: "1"}, period_days=7), spent({1: "113"})
    keys = [key(1, "k", credit_limit=100)]
    page = Page(render(Balance(balance=Decimal(1000)), week, keys, made_at=NOW, longest=month))
    assert "k has used 113.0% of its limit." in page.texts("li")
    assert page.rows["Keys"][1][1:4] == ["1.00", "100.00", "113.0%"]
    assert "113.0% of 100.00 USD" in page.texts("text")
    assert "Spend in the last 30 days as a share of each key's credit limit" in page.texts("figcaption")


def test_which_account_it_is_about() -> None:
    """Its host, when its balance was read, and its oldest key, as it has no name."""
    keys = [key(2, "second"), key(1, "f\x1b", created_at="2025-03-01T00:00:00Z")]
    page = Page(render(Balance(balance=Decimal(1)), NOTHING, keys, made_at=NOW, host="api.example"))
    assert page.texts("title")[0] == "Account report, api.example, 1 Jun 2026"
    assert " ".join(page.text.split()).startswith(
        "Account report, api.example, 1 Jun 2026 Account report The account at api.example , whose oldest key is "
        "f[U+001B] #1, made on 1 Mar 2025. Balance and keys are as of 1 Jun 2026, 12:00 UTC . Usage is that of the last"
    )


def test_an_account_two_days_old() -> None:
    """Its mean is that of its one whole day, in the tile and in the chart; today is left out."""
    daily = [stats("30", date="2026-05-31"), stats("500", date="2026-06-01")]
    page = shown("60", spent({1: "530"}, daily_stats=daily), [key(1, "k")])
    assert "2.0 days" in page.texts("dd")
    assert "until 3 Jun 2026, at 30.00 USD a day, the mean of the last whole day" in page.texts("dd")
    assert "The money lasts less than 7 days." in page.texts("li")
    assert page.texts("figcaption")[0] == (
        "USD for each day. The dashed line is the mean of the last whole day, 30.00 USD."
    )


def test_an_account_first_used_today() -> None:
    """Without a whole day, the page has neither a number of days nor a mean."""
    page = shown("60", spent({1: "30"}, daily_stats=[stats("30", date="2026-06-01")]), [key(1, "k")])
    assert {"too early to tell", "the account was first used today"} <= set(page.texts("dd"))
    assert page.texts("figcaption")[0] == "USD for each day."


def test_absurd_answers() -> None:
    """Impossible amounts, counts, days and periods are shown as they are, and break nothing."""
    page = shown(
        "9E+300",
        spent(
            {1: "9E+300", 2: "-9E+300", 3: "-5"},
            {"m" * 100_000: "9E+300"},
            "-9E+300",
            period_days=-3,
            total_stats=stats("-9E+300", 10**300),
            daily_stats=[stats("9E+300", date="9999-12-31"), stats("1E+300", date="2026-06-01")],
        ),
        [key(1, "", credit_limit="1E-300")],
    )
    assert "(no name) #1" in [row[0] for row in page.rows["Keys"]]
    assert "over 100,000%" in page.text
    assert "The API also named 1 day outside of the last -3 days: left out." in page.texts("p")
    assert len(page.source) < 500_000


# --- how it is said


def test_names_are_text() -> None:
    """A name that looks like markup is text: the page has no active element."""
    assert {tag for tag, _ in full().tags} == set(ELEMENTS.split())
    assert f"{MARKUP} has used 92.0% of its limit." in full().texts("li")
    assert any(text.startswith("<script>document") for text in full().texts("text"))


def test_names_are_visible() -> None:
    """Control characters and those that change the direction are written out, and a $ is not a formula."""
    assert 'price $x_1$ & "q" [U+202E]gnp.exe[U+001B][31m #3' in [row[0] for row in full().rows["Keys"]]
    assert all(character.isprintable() or character == "\n" for character in full().source)
    assert any("price $x_1$ &" in text for text in full().texts("text"))


def test_nothing_is_loaded() -> None:
    """No attribute and no style refers to anything outside, and the page's policy forbids it."""
    outside = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background"}
    assert [tag for tag, attributes in full().tags if outside & set(attributes)] == []
    assert [name for _, attributes in full().tags for name in attributes if name.startswith("on")] == []
    assert "url(" not in full().source
    assert "@import" not in full().source
    policy = {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'",
    }
    assert full().named("meta")[1] == policy


def test_imports_are_light() -> None:
    """The extras' libraries are loaded only when they are used."""
    code = (
        "import sys, pulumi_account.report, pulumi_account.metrics; "
        "print(*{'matplotlib', 'prometheus_client'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""


def test_of_an_account() -> None:
    """A client's answers can be rendered, and the page contains no credential."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY, balance="7.25") as emulator,
        AccountClient(emulator.url, PROVISIONING_KEY) as client,
    ):
        key_id, plaintext = emulator.add("production", credit_limit=10)
        emulator.add_usage(key_id, cost="1.50", requests=3, day=date.today() - timedelta(days=1))
        page = render(client.get_balance(), client.get_activity(), client.list_keys(), made_at=client.now())
    assert_clean(page)
    assert plaintext not in page
    assert "15.0% of 10.00 USD" in Page(page).texts("text")


# --- groups


def grouped_page(label: str, *groups: Group) -> Page:
    """The page of an account with these groups."""
    return Page(render(Balance(balance=Decimal(9)), NOTHING, [], made_at=NOW, groups={label: groups}))


def test_a_section_for_each_label() -> None:
    """The most expensive group comes first, the unassigned one included."""
    ads, rest = Group("ads", 1, Decimal(2), 3, 4, keys=5), Group("unassigned", 6, Decimal(7), 8, 9, keys=1)
    page = grouped_page("team", ads, rest)
    assert page.rows["Spend by team"] == [
        ["Team", "Keys", "Spend, USD", "Requests", "Tokens"],
        ["unassigned", "1", "7.00", "6", "17"],
        ["ads", "5", "2.00", "1", "7"],
    ]
    assert "ads: 2.00 USD" in page.texts("title")


def test_a_label_is_text() -> None:
    """A label and its value that look like markup are text, and control characters are written out."""
    page = grouped_page(f"x\x1b{MARKUP}", Group(MARKUP, 1, Decimal(2), 3, 4, keys=5))
    assert f"Spend by label x[U+001B]{MARKUP}" in page.texts("h2")
    assert MARKUP in [row[0] for rows in page.rows.values() for row in rows]
    assert not page.named("script")


def test_groups_that_cost_nothing() -> None:
    """There is a table, but no chart."""
    page = grouped_page("team", Group("ads", 1, Decimal(0), 3, 4, keys=5))
    assert page.rows["Spend by team"][1][:3] == ["ads", "5", "0.00"]
    assert page.named("svg") == []


def test_no_groups() -> None:
    """A sentence replaces a section that would be empty."""
    assert "No key was used in the last 30 days." in grouped_page("team").texts("p")


def test_many_groups() -> None:
    """Of thousands of groups, the table shows two hundred; the others are summed up."""
    page = grouped_page("team", *(Group(f"t{n}", 1, Decimal(1), 0, 0, keys=1) for n in range(1000)))
    assert len(page.rows["Spend by team"]) == 1 + 200
    assert "800 more values together: 800.00 USD, 800 requests, 0 tokens." in page.texts("p")
