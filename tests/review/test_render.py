"""Reviews as Markdown, text and JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pulumi_account.review.render import LONGEST, SCHEMA, as_json, as_markdown, as_text, marker
from pulumi_account.review.review import Review
from pulumi_account.stacks.previews import read_preview
from tests.recordings import HOME
from tests.review.documents import (
    ROTATING,
    UNKNOWN,
    account,
    consumer,
    created,
    deleted,
    preview,
    reviewed,
    rotated,
    state,
    step,
    updated,
    urn,
    validate,
)

NO_PREVIEWS = ("export", "failed", "moves-export", "protected")
RECORDED = sorted(path.stem for path in HOME.glob("*.json") if path.stem not in NO_PREVIEWS)
PROVIDERS = ("urn:eu::1", "urn:p::default::2", "urn:p::default_1_2::3")
HOSTILE = [
    "@everyone",
    "#1",
    "owner/repository#2",
    "GH-3",
    "[click](https://example.com)",
    "https://example.com",
    "www.example.com",
    "anna@example.com",
    "<script>alert(1)</script>",
    "<!-- x",
    "--> x",
    "</details>",
    "`code` ``more``",
    "``",
    "a|b",
    "a\nb\n\n# heading",
    "\u202ereversed",
    "**bold** _it_ ~~gone~~",
    "&lt;b&gt;",
    "![x](https://example.com/x.png)",
    "\x1b[31m",
    ":smile:",
    "$$x$$",
    "\\",
]


def every(name: str) -> Review:
    """A review with a text in every place that can have one."""
    labels = {"owner": name, "team": name, "environment": name}
    steps = [
        created(name, labels=labels),
        updated(f"{name}2", 1, {"credit_limit": 5}, {"credit_limit": 9, "labels": labels}),
        rotated(f"{name}3", 2),
        deleted(f"{name}4", 3),
        consumer(name, urn(name), op="create"),
        consumer(f"{name}5", urn(f"{name}2")),
        step("delete", name, {"type": f"a:b:{name}"}),
    ]
    return reviewed(preview(*steps), facts=account((3, name, 5), used={3: "1"}), fail_on=["delete-in-use"])


def from_tokens(text: str) -> tuple[str, list[str]]:
    """The text of a comment without its code, and the kinds of its parts."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    prose = " ".join(token.content for token in flat if token.type in ("text", "html_inline", "html_block"))
    return prose, [token.type for token in flat]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_code(name: str) -> None:
    """A name in a comment is code, where no host looks for markup, mentions, links or HTML."""
    plain, kinds = from_tokens(as_markdown(every("plain")))
    prose, hostile = from_tokens(as_markdown(every(name)))
    assert prose == plain
    assert hostile == kinds


@given(st.text(max_size=60))
def test_any_name_is_only_code(name: str) -> None:
    """Whatever the characters are, nothing of a name is outside the code."""
    prose, kinds = from_tokens(as_markdown(every(name)))
    assert len(re.findall("<details>", prose)) == len(re.findall("</details>", prose))
    assert {"image", "link_open", "s_open", "em_open", "table_open"}.isdisjoint(kinds)
    assert set(re.findall(r"<[^>]*>", prose)) <= {
        *("<details>", "</details>", "<summary>", "</summary>"),
        "<!-- pulumi-account-review stack=keys/dev commit=unknown -->",
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_text_has_no_control_characters(name: str) -> None:
    """A name cannot end a line or control a terminal."""
    lines = as_text(every(name)).split("\n")
    assert len(lines) == len(as_text(every("plain")).split("\n"))
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("name", RECORDED)
def test_json_has_its_schema(name: str) -> None:
    """Each recorded preview becomes a document that the schema describes, in ASCII."""
    text = as_json(reviewed(read_preview(str(HOME / f"{name}.json")), commit="abcdef0"))
    validate(json.loads(text))
    assert text.isascii()


def test_json_with_an_account_has_its_schema() -> None:
    """So does a review with every part."""
    validate(json.loads(as_json(every("x"))))


def test_the_schema_allows_new_properties() -> None:
    """A reader that validates with an older schema of the same version accepts what a later one adds."""

    def extended(value: Any) -> Any:
        if isinstance(value, list):
            return list(map(extended, value))
        if not isinstance(value, dict):
            return value
        return {**{name: extended(one) for name, one in value.items()}, "added": 1}

    document = extended(json.loads(as_json(every("x"))))
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(document)


@pytest.mark.parametrize(
    ("stack", "commit", "expected"),
    [
        ("dev", "abcdef0", "stack=keys/dev commit=abcdef0"),
        ("a--b", None, "stack=keys/a%2D%2Db commit=unknown"),
        ("a>b c,d", None, "stack=keys/a%3Eb%20c%2Cd commit=unknown"),
        ("\ud800", None, "stack=keys/%5BU%2BD800%5D commit=unknown"),
    ],
)
def test_the_marker(stack: str, commit: str | None, expected: str) -> None:
    """It names the stack and the commit, and no stack's name can end it."""
    one = step("create", "c", None, {"type": "a:b:C"}, stack=stack)
    assert marker(reviewed(preview(one), commit=commit)) == f"<!-- pulumi-account-review {expected} -->"


def test_the_marker_names_all_stacks() -> None:
    """In the order of their names, whatever the order of the previews; and at most twenty."""
    stacks = [preview(step("create", "c", None, {"type": "a:b:C"}, stack=f"s{n:02}")) for n in range(30)]
    assert "stack=keys/s00,keys/s01 " in marker(reviewed(stacks[1], stacks[0]))
    assert ",keys/s19,+10 " in marker(reviewed(*stacks))


def test_a_comment_begins_with_the_marker() -> None:
    """A bot finds its comment by the first line."""
    first, _, second = as_markdown(every("x")).partition("\n")
    assert first.startswith("<!-- pulumi-account-review ")
    assert second.startswith("\n**1 key created, 1 changed, 1 rotated, 1 deleted · exposure ")


def _many(count: int, name: str) -> list[dict[str, Any]]:
    return [
        updated(f"{name}{n:05}", n, {"credit_limit": 1}, {"credit_limit": 3, "labels": {"owner": name}})
        for n in range(count)
    ]


@pytest.mark.parametrize("name", ["key-", "k" * 250, "\u202e" * 250, "`|<@#" * 50, "日" * 250])
def test_a_thousand_keys_fit_a_comment(name: str) -> None:
    """The comment is short enough; it counts what it does not show."""
    consumers = [consumer(f"c{n}", urn(f"{name}{n:05}")) for n in range(1000)]
    text = as_markdown(reviewed(preview(*_many(1000, name), *consumers)))
    assert len(text) <= LONGEST
    assert "**1,000 keys changed" in text
    assert re.search(r"^- and [\d,]+ more$", text, flags=re.MULTILINE)
    assert text.count("<details>") == text.count("</details>")


def test_escaped_names_fit_a_comment() -> None:
    """Each backtick of a name takes eight characters, wherever names stand; a host refuses a longer comment."""
    ticks = "`" * 80
    labels = dict.fromkeys(("owner", "team", "environment"), ticks)
    steps = []
    for n in range(25):
        old, new = state(f"{ticks}{n}", n), state(f"{ticks}{n + 1}", labels=labels)
        sources = [urn(f"{ticks}{one}", stack=ticks) for one in range(n, n + 6)]
        steps.append(step("update", f"{ticks}{n}", old, new, stack=ticks))
        steps += [
            consumer(f"{ticks}{n}{value}", *sources, stack=ticks, value=value) for value in (UNKNOWN, "x")
        ]
    text = as_markdown(reviewed(preview(*steps), preview(created("k"))))
    assert len(text) <= LONGEST


def test_many_stacks_fit_a_comment() -> None:
    """Long names of stacks do not make the comment too long."""
    stacks = [preview(step("create", "c", None, state("c"), stack=f"{'s' * 200}{n}")) for n in range(300)]
    assert len(as_markdown(reviewed(*stacks))) <= LONGEST


def test_the_order_of_steps_does_not_matter() -> None:
    """The engine works in parallel, so it prints keys in any order."""
    steps = [*_many(20, "k"), *(consumer(f"c{n}", urn(f"k{n:05}")) for n in range(20))]
    backward = [*reversed(steps[:20]), *reversed(steps[20:])]
    one, other = reviewed(preview(*steps)), reviewed(preview(*backward))
    assert [as_markdown(one), as_json(one)] == [as_markdown(other), as_json(other)]


def test_several_stacks_are_named() -> None:
    """With several previews, each line says where its key is."""
    got = reviewed(preview(created("a")), preview(step("create", "b", None, state("b"), stack="prod")))
    assert "- `b` created in `keys/prod`: limit none, expires never" in as_markdown(got)


def test_a_key_in_words() -> None:
    """Limits, expiries, owner and team, as a reviewer reads them."""
    after = {"credit_limit": 800, "labels": {"owner": "berta", "team": "search", "cost": "1"}}
    one = updated("a", 1, {"credit_limit": 500, "expires_at": "2031-01-01T00:00:00Z"}, after)
    line = (
        "- `a` changed: limit 500.00 USD → 800.00 USD, expires 2031-01-01 → never, owner none → `berta`, "
        "team none → `search`, 1 other label changed"
    )
    assert line in as_markdown(reviewed(preview(one))).splitlines()


def test_another_account_in_words() -> None:
    """The exposure of its keys stands beside the other, and in the JSON."""
    eu = {"provider": "urn:eu::1"}
    one = step("update", "e", {**state("e", 7, credit_limit=5), **eu}, {**state("e", credit_limit=9), **eu})
    got = reviewed(preview(one), facts=account((1, "a", 5)))
    line = "- The keys of other accounts are not in the exposure. Theirs is 5.00 → 9.00 USD"
    assert line in as_markdown(got).splitlines()
    document = json.loads(as_json(got))
    assert document["exposure"]["other_accounts"] == {"before": "5", "after": "9"}
    validate(document)


def test_a_provider_without_keys() -> None:
    """Its new keys count in the exposure, and the review says that the account may be another one."""
    steps = [
        step("create", f"e{n}", None, {**state(f"e{n}", credit_limit=9), "provider": one})
        for n, one in enumerate(PROVIDERS)
    ]
    got = reviewed(preview(*steps), facts=account((1, "a", 5)))
    line = "- Of a Provider without other keys, so the account may be another one: 1: `e0`"
    assert line in as_markdown(got).splitlines()
    assert "exposure 5.00 → 32.00 USD" in as_markdown(got)


@pytest.mark.parametrize(
    ("expires_at", "shown"), [("2026-06-01T12:00:00Z", True), ("2026-06-01T12:00:01Z", False)]
)
def test_expired_retired_keys(expires_at: str, shown: bool) -> None:
    """The run that deletes them says so, also where it changes nothing else."""
    retired = {"retired": [{"key_id": 8, "name": "a-0", "expires_at": expires_at}]}
    both = {"every": "30d", "generation": 1, "reason": "first key"}
    old, new = state("a", 1, ROTATING, outputs=retired, **both), state("a", None, ROTATING, **both)
    text = as_text(reviewed(preview(step("update", "a", old, new))))
    assert ("a changed: 1 expired retired key deleted" in text) == shown
