"""LocalEngine alone: what it refuses, and what it keeps secret."""

from __future__ import annotations

import json

import pytest

from pulumi_account.testing import PassphraseError
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import SECRETS, engine_for, errors, state_file


def test_no_secret_leaves_the_engine_in_clear(bench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither state, text, JSON, steps, diagnostics nor what is passed through holds a secret."""
    bench.write("""
    s = Thing("s", secret=config.require_secret("pw"), tags={"x": Output.secret("in-tags")}, fail="update")
    t = Thing("t", opts=ResourceOptions(additional_secret_outputs=["token"]))
    pulumi.log.warn("it is hunter22")
    pulumi.export("pw", config.require_secret("pw"))
    pulumi.export("token", t.token)
    pulumi.export("nested", {"a": [Output.secret("in-output")]})
    """)
    engine = engine_for(bench, secrets=SECRETS)
    seen = [engine.preview(), engine.up(), engine.preview()]
    program = (bench.project / "__main__.py").read_text()
    (bench.project / "__main__.py").write_text(program.replace('Thing("s",', 'Thing("s", size=2,'))
    failed = engine.up()
    token = engine.outputs(show_secrets=True)["token"]
    whole = "".join([state_file(bench).read_text(), capfd.readouterr().out, json.dumps(engine.export())])
    whole += "".join(r.text + json.dumps(dict(r.json)) + repr(r) for r in [*seen, failed])
    assert [text for text in ("hunter22", "in-tags", "in-output", "conf-token", token) if text in whole] == []
    assert "it is [secret]" in whole
    assert engine.outputs() == {"pw": "[secret]", "token": "[secret]", "nested": {"a": ["[secret]"]}}
    assert engine.outputs(show_secrets=True)["pw"] == "hunter22"
    assert "hunter22" in json.dumps(engine.export(show_secrets=True))


def test_a_wrong_passphrase_stops_before_anything_runs(bench: Workbench) -> None:
    """It is reported in one line, and neither the program nor a provider is left running."""
    bench.write('Thing("s", secret=config.require_secret("pw"))')
    assert engine_for(bench, secrets=SECRETS).up().ok
    bench.calls()
    with pytest.raises(PassphraseError, match="do not open with this passphrase"):
        engine_for(bench, secrets=SECRETS, env={**bench.env, "PULUMI_CONFIG_PASSPHRASE": "other"}).up()
    assert bench.calls() == []


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ('Thing("a"); Thing("a")', "Duplicate resource URN"),
        (
            'Thing("n1", opts=ResourceOptions(aliases=[Alias(name="old")]))\n'
            'Thing("n2", opts=ResourceOptions(aliases=[Alias(name="old")]))',
            "Duplicate resource alias",
        ),
        (
            'n = Thing("new", opts=ResourceOptions(aliases=[Alias(name="old")]))\n'
            'Thing("old", opts=ResourceOptions(depends_on=[n]))',
            "conflicting with alias",
        ),
    ],
)
def test_two_resources_cannot_be_one(bench: Workbench, program: str, told: str) -> None:
    """Neither under their own names nor under former ones."""
    bench.write('Thing("old")')
    assert engine_for(bench).up().ok
    bench.write(program)
    result = engine_for(bench).preview()
    assert not result.ok
    assert told in errors(result)[0]


def test_every_property_can_be_shown(bench: Workbench) -> None:
    """With `diff`, nested lists and objects show what is added, changed and gone; a lock marks what is protected."""
    bench.write(
        'Thing("a", tags={"l": ["x", {"k": 1}], "gone": "g", "t": "s"}, opts=ResourceOptions(protect=True))'
    )
    first = engine_for(bench, diff=True).up().text
    assert '            l   : [\n                [0]: "x"\n                [1]: {\n' in first
    bench.write('Thing("a", tags={"l": ["y", {"k": 1}, None, []], "new": {}, "t": ["s"]}, size=1.5)')
    second = engine_for(bench, diff=True).preview().text
    assert "(update) 🔓" in second
    for line in (
        '~ [0]: "x" => "y"',
        '- gone: "g"',
        "+ new : {}",
        '- t   : "s"',
        "+ t   : [",
        "+ size : 1.5",
    ):
        assert line in second
