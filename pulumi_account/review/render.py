"""Renders a review as Markdown for a comment, as text, or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pulumi_account.common.money import exact
from pulumi_account.common.text import count, elided, visible
from pulumi_account.review.changes import KeyChange
from pulumi_account.review.downstream import Consumer
from pulumi_account.review.review import Review
from pulumi_account.review.words import Name, Section, headline, sections

__all__ = ["LONGEST", "SCHEMA", "as_json", "as_markdown", "as_text", "marker"]

#: characters of a comment; hosts of repositories accept 65,536
LONGEST = 60_000
#: stacks that the marker names
_MOST_STACKS = 20
_VERSION = 1
#: the JSON Schema of `as_json`
SCHEMA = Path(__file__).with_name("schema.json")


def as_markdown(review: Review) -> str:
    """A comment of at most `LONGEST` characters: a hidden marker, the headline, and the sections."""
    text = ""
    for most in (2000, 1000, 500, 200, 100, 50, 20, 5):
        parts = [marker(review), f"**{headline(review)}**"]
        parts += [part for section in sections(review) for part in _markdown_section(section, most)]
        text = "\n\n".join(parts) + "\n"
        if len(text) <= LONGEST:
            break
    return text


def as_text(review: Review) -> str:
    """Plain text, without the limit."""
    blocks = [headline(review)]
    for section in sections(review):
        lines = ["".join(map(_plain, line)) for line in section.lines]
        blocks.append("\n".join([f"{section.title}:", *(f"  {line}" for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def as_json(review: Review) -> str:
    """The document that `SCHEMA` describes, in ASCII."""
    return json.dumps(_document(review), indent=2) + "\n"


def marker(review: Review) -> str:
    """The first line of a comment, which names the stacks and the commit, and which no page shows."""
    stacks = [quote(visible(stack), safe="/._") for stack in review.stacks]
    named = ",".join(stacks[:_MOST_STACKS]) + (
        f",+{len(stacks) - _MOST_STACKS}" if len(stacks) > _MOST_STACKS else ""
    )
    # two hyphens may not be in a comment of HTML
    named = named.replace("--", "%2D%2D")
    return f"<!-- pulumi-account-review stack={named} commit={review.commit or 'unknown'} -->"


def _markdown_section(section: Section, most: int) -> Iterator[str]:
    shown = [f"- {''.join(map(_markdown, line))}" for line in section.lines[:most]]
    hidden = len(section.lines) - len(shown)
    more = [f"- and {count(hidden)} more"] if hidden else []
    opened = 0 if section.folded else min(section.opened, most)
    if not section.folded:
        yield f"### {section.title}"
        yield "\n".join(shown[:opened])
    if folded := shown[opened:] + more:
        number = count(len(section.lines) - opened)
        title = f"{section.title} ({number})" if section.folded else f"{number} more"
        yield f"<details><summary>{title}</summary>"
        yield "\n".join(folded)
        yield "</details>"


def _markdown(part: str | Name) -> str:
    """A name becomes code: no host looks for markup, mentions, links or HTML in it."""
    if isinstance(part, str):
        return re.sub(r" · ([a-z-]+)$", r" · `\1`", part)
    return f"`{_shown(part, is_code=True)}`"


def _plain(part: str | Name) -> str:
    return part if isinstance(part, str) else _shown(part)


def _shown(name: Name, *, is_code: bool = False) -> str:
    # cut before and after, because one character may become eight
    text = visible(name.text[: 4 * name.most])
    if is_code:
        text = text.replace("`", "[U+0060]")
    return elided(text, name.most) or "(empty)"


def _document(review: Review) -> dict[str, Any]:
    exposure, other = review.exposure, review.exposure.elsewhere
    return {
        "version": _VERSION,
        "stacks": list(review.stacks),
        "commit": review.commit,
        "headline": headline(review),
        "counts": {kind.value: number for kind, number in review.counts.items()},
        "exposure": {
            "before": exact(exposure.before),
            "after": exact(exposure.after),
            "covers": exposure.basis.name.lower(),
            "unlimited": list(exposure.unlimited),
            "unknown": exposure.unknown,
            "other_accounts": other and {"before": exact(other.before), "after": exact(other.after)},
        },
        "balance": None if review.account.balance is None else exact(review.account.balance),
        "problems": list(review.account.problems),
        "failed": list(review.failed),
        "findings": [
            {
                "rule": finding.rule,
                "subject": finding.subject or None,
                "stack": finding.stack or None,
                "text": finding.text,
                "checked": finding.checked,
                "fails": finding.rule in review.failed,
            }
            for finding in review.findings
        ],
        "changes": [_change(review, change) for change in review.changes],
        "downstream": {
            "changed": list(map(_consumer, review.downstream.changed)),
            "unchanged": list(map(_consumer, review.downstream.unchanged)),
        },
        "rest": list(map(_consumer, review.downstream.rest)),
    }


def _change(review: Review, change: KeyChange) -> dict[str, Any]:
    use = review.account.use(change.old) if change.old else None
    return {
        "kind": change.kind.value,
        "stack": change.facts.stack,
        "resource": change.facts.resource,
        "name": change.facts.name,
        "details": [{"what": d.what, "old": d.old or None, "new": d.new} for d in change.details],
        "use": None if use is None else {"requests": use.requests, "cost": exact(use.cost)},
    }


def _consumer(consumer: Consumer) -> dict[str, Any]:
    resource = consumer.resource
    return {
        "stack": resource.stack,
        "type": resource.type,
        "name": resource.name,
        "operation": consumer.op,
        "keys": list(consumer.keys),
    }
