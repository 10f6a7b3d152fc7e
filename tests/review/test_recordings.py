"""What the review says of previews that the Pulumi CLI wrote."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.review.render import as_text
from pulumi_account.stacks.exports import read_state
from pulumi_account.stacks.previews import parse_preview, read_preview
from pulumi_account.testing import LocalEngine
from tests.recordings import HOME, recorded
from tests.review.documents import reviewed
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.projects import warm_python, write_project

DIGITS = re.compile(r"-[0-9a-f]{7}\b")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")


def text(name: str, *exports: str) -> str:
    """The review of a recorded preview, without what differs from run to run."""
    states = tuple(read_state(str(HOME / f"{export}.json")) for export in exports)
    return plain(as_text(reviewed(read_preview(str(HOME / f"{name}.json")), states=states)))


def plain(review: str) -> str:
    """Without the digits of auto-names, and instants."""
    return INSTANT.sub("INSTANT", DIGITS.sub("", review))


CHANGES = """\
Keys:
  abroad changed: limit 4.00 USD → 40.00 USD
  added created: limit none, expires never
  disabled changed: state enabled → disabled
  expiring changed: expires INSTANT → INSTANT
  gone-1 deleted: limit 30.00 USD
  gone-2-0 deleted: limit none
  labeled changed: owner anna → berta
  leaked-1 revoked: generation 0 → 1, revoke changed
  now-1 rotated: generation 0 → 1, rotate_now changed
  production changed: limit 500.00 USD → 800.00 USD, expires 2031-01-01 → never, resource protected → not protected
  quiet-0 changed: limit 10.00 USD → 20.00 USD
  triggered replaced: rotation_triggers changed

Changes with these keys:
  uses-now (pulumi-python:dynamic:Resource) update, uses now-1
  uses-triggered (pulumi-python:dynamic:Resource) update, uses triggered

Shown as changed by Pulumi, but the key stays the same:
  uses-labeled (pulumi-python:dynamic:Resource) update, uses labeled
  uses-production (pulumi-python:dynamic:Resource) update, uses production
  uses-quiet (pulumi-python:dynamic:Resource) update, uses quiet-0
"""


@pytest.mark.parametrize("name", ["changes-diff", "changes-sames", "changes-steps"])
def test_changes(name: str) -> None:
    """Changes in a component, under another provider, of labels, rotations; whatever options the preview had."""
    assert CHANGES in text(name)


def test_drift() -> None:
    """A preview with `--refresh` compares with what the server has: a limit was raised by hand."""
    drift = "disabled changed: limit 70.00 USD → 7.00 USD, state"
    assert CHANGES.replace("disabled changed: state", drift) in text("refresh")


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("first", "13 keys created · exposure 0.00 → 577.00 USD (+577.00) and 3 keys without a limit"),
        ("nothing", "no key changes · exposure 577.00 USD and 3 keys without a limit"),
        ("target", "1 key changed · exposure 500.00 → 800.00 USD (+300.00)"),
        ("destroy", "13 keys deleted · exposure 577.00 → 0.00 USD (\N{MINUS SIGN}577.00)"),
        ("due", "4 keys rotated · exposure 20.00 → 40.00 USD (+20.00) and 4 keys without a limit"),
        (
            "replace",
            "1 key created, 5 changed, 1 rotated, 2 replaced, 1 revoked, 2 deleted · "
            "exposure 577.00 → 896.00 USD (+319.00) and 2 keys without a limit",
        ),
        (
            "adopt",
            "1 key created, 1 adopted, 6 changed, 1 rotated, 1 replaced, 1 revoked, 2 deleted · "
            "exposure 577.00 → 905.00 USD (+328.00) and 2 keys without a limit",
        ),
    ],
)
def test_headlines(name: str, headline: str) -> None:
    """Creations, deletions, targets, adoptions, due rotations and forced replacements."""
    assert text(name).splitlines()[0] == headline


MOVES = """\
Keys:
  deleted-first replaced: rotation_triggers changed
  moved no longer managed: limit 5.00 USD · the key stays on the account
  moved adopted: limit 5.00 USD, expires never, adopts key ID
  read-other deleted: limit 5.00 USD
  read-same no longer managed: limit 5.00 USD · the key stays on the account
  renamed changed: limit 5.00 USD → 6.00 USD
  retained no longer managed: limit 5.00 USD · the key stays on the account
  retained-replaced replaced: rotation_triggers changed · the old key stays on the account
  rotating-2 revoked: generation 1 → 2, revoke changed
  unprotected changed: resource protected → not protected
"""
LEFT = "  left-behind deleted: limit 5.00 USD\n  moved"


def test_keys_that_leave_their_resources() -> None:
    """Retained, adopted and read keys stay, unless another one is read; protection is removed alone."""
    assert MOVES in re.sub("key [0-9]+", "key ID", text("moves"))


@pytest.mark.parametrize(("name", "exports"), [("moves-steps", []), ("moves", ["moves-export"])])
def test_a_key_that_an_earlier_run_left_behind(name: str, exports: list[str]) -> None:
    """Each replacement step is a part of one change, but for the key that is left to delete; an export has it, too."""
    expected = MOVES.replace("  moved", LEFT, 1)
    shown = re.sub("key [0-9]+", "key ID", text(name, *exports))
    assert expected in shown
    assert "exposure 55.00 → 51.00 USD" in shown


def test_a_key_that_is_deleted_first() -> None:
    """Its consumer in the same stack gets the new key too late."""
    reason = "consumers elsewhere may still have it: it is deleted before the new one exists"
    assert f"deleted-first: the old key stops working at once, and {reason} · gap-in-rotation" in text(
        "moves"
    )


def test_a_deleted_component() -> None:
    """Its keys are keys, and the component is one of the other resources."""
    assert "Other resources:\n  gone (account:index:KeySet) delete\n" in text("changes-diff")


def test_a_key_that_was_deleted_elsewhere() -> None:
    """After a refresh, it is created again, and did not count before."""
    assert "  disabled created: limit 7.00 USD, expires never, state disabled\n" in text("gone")


def test_a_due_rotation() -> None:
    """The reason says since when, and consumers really change."""
    shown = text("due")
    assert "  quiet rotated: generation 0 → 1, reason due since INSTANT\n" in shown
    assert "  uses-quiet (pulumi-python:dynamic:Resource) update, uses quiet\n" in shown


def test_an_export_completes_a_preview() -> None:
    """The exposure covers the keys that do not change, and encrypted limits are counted."""
    assert "The exposure covers the keys that change." in text("changes-diff")
    shown = text("changes-diff", "export")
    assert "The exposure covers all keys of the stacks." in shown
    assert "Without a limit, and not in the exposure: 3: added, leaked-1, unchanged\n" in shown
    assert "With a limit that is not known, and not in the exposure: 1\n" in shown


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Previews of the recorded program that LocalEngine makes."""
    project: Path = tmp_path_factory.mktemp("recorded")
    write_project(project, (HOME / "program.py").read_text(), "recorded")
    shutil.copy(HOME / "consumer.py", project)
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as own,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu,
    ):
        legacy, _ = own.add("legacy", credit_limit=90)
        secrets = {
            "account:provisioningKey": PROVISIONING_KEY,
            "recorded:euKey": OTHER_PROVISIONING_KEY,
            "recorded:secretName": "hidden",
        }

        def engine(number: int) -> LocalEngine:
            config = {"recorded:step": str(number), "recorded:eu": eu.url, "recorded:legacy": str(legacy)}
            env = {"ACCOUNT_ENDPOINT": own.url}
            options: dict[str, Any] = {"config": config, "secrets": secrets, "env": env}
            return LocalEngine(project, stack="dev", python=warm_python(), **options)

        found = {"first": engine(1).preview().json}
        assert engine(1).up().ok
        return found | {name: engine(n).preview().json for name, n in {"changes-diff": 2, "adopt": 3}.items()}


EACH = pytest.mark.parametrize("name", ["first", "changes-diff", "adopt"])


@EACH
def test_the_same_review_of_the_local_engine(name: str, local: dict[str, Any]) -> None:
    """A preview of LocalEngine has the review of the CLI's."""
    one = reviewed(parse_preview(json.dumps(dict(local[name])).encode()))
    assert plain(as_text(one)) == text(name)


@EACH
def test_the_same_format_of_the_local_engine(name: str, local: dict[str, Any]) -> None:
    """The same steps with the same fields, and the same reasons and dependencies."""

    def shape(document: Any) -> dict[str, Any]:
        same = ("diffReasons", "replaceReasons", "detailedDiff")
        return {
            f"{step['op']} {step['urn']}": (
                sorted(step),
                [step.get(field) for field in same],
                [sorted(step.get(state, {})) for state in ("oldState", "newState")],
                [step.get(state, {}).get("propertyDependencies") for state in ("oldState", "newState")],
            )
            for step in document["steps"]
        }

    assert shape(local[name]) == shape(recorded(name))
    assert local[name]["changeSummary"] == recorded(name)["changeSummary"]
