"""Reads, for a refresh and for a program that looks a resource up: on LocalEngine as on the real CLI."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import CliEngine
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import operations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


RECORDER = """
import grpc, os
from google.protobuf.json_format import MessageToJson
serve = grpc.server
class Recorder(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        handler = continuation(details)
        def read(request, context):
            with open(os.environ["READS"], "a") as file:
                file.write(MessageToJson(request, indent=None) + "\\n")
            return handler.unary_unary(request, context)
        if not details.method.endswith("/Read"):
            return handler
        return grpc.unary_unary_rpc_method_handler(read, handler.request_deserializer, handler.response_serializer)
grpc.server = lambda *args, **options: serve(*args, interceptors=[Recorder()], **options)
"""


@pytest.fixture
def reads(bench: Workbench, tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What was sent to the provider's process as Read since last asked for."""
    (tmp_path / "sitecustomize.py").write_text(RECORDER)
    file = tmp_path / "reads"
    bench.env |= {"PYTHONPATH": f"{bench.env['PYTHONPATH']}{os.pathsep}{tmp_path}", "READS": str(file)}

    def taken() -> list[dict[str, Any]]:
        lines = file.read_text().splitlines()
        file.unlink()
        return [json.loads(line) for line in lines]

    return taken


def test_a_refresh_sends_inputs_and_outputs(
    engine: MakeEngine, bench: Workbench, reads: Callable[[], list[dict[str, Any]]]
) -> None:
    """A refresh passes both as the state has them, of what was looked up too."""
    run = engine(bench.project, env=bench.env, python=sys.executable)
    bench.write('a = Thing("a", size=4)\nThing("found", opts=ResourceOptions(id=a.id))')
    assert run.up().ok
    things = [item for item in run.export()["deployment"]["resources"] if "Thing" in item["type"]]
    reads()
    assert run.refresh().ok
    sent = [(read["properties"], read["inputs"]) for read in reads()]
    assert len(sent) == 2
    assert all((thing["outputs"], thing["inputs"]) in sent for thing in things)


def test_a_look_up_sends_inputs_alone(
    engine: MakeEngine, bench: Workbench, reads: Callable[[], list[dict[str, Any]]]
) -> None:
    """To look a resource up passes what the program gives and no state; older engines pass it as the state, too."""
    run = engine(bench.project, env=bench.env, python=sys.executable)
    (bench.things / "x.json").write_text('{"label": "found", "token": "t"}')
    bench.write('Thing("found", opts=ResourceOptions(id="x"))')
    assert run.up().ok
    (sent,) = reads()
    assert sent["inputs"].keys() == {"label", "__provider"}
    older = [sent["inputs"]] if isinstance(run, CliEngine) else []
    assert sent.get("properties") in [None, *older]


def test_a_resource_can_be_looked_up(engine: MakeEngine, bench: Workbench) -> None:
    """A resource given by id is read, also in a preview, kept as external, and dropped without a delete."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", size=4)')
    assert run.up().ok
    (made,) = bench.made()
    bench.write(f"""
    Thing("a", size=4)
    found = Thing("found", opts=ResourceOptions(id="{made}"))
    pulumi.export("token", found.token)
    """)
    bench.calls()
    assert run.preview().ok
    assert bench.calls("read") == ["read found"]
    assert run.up().outputs == {"token": f"token-of-{made}"}
    external = [item for item in run.export()["deployment"]["resources"] if item.get("external")]
    assert [item["id"] for item in external] == [made]
    bench.write('Thing("a", size=4)')
    bench.calls()
    assert run.up().ok
    assert bench.calls("delete") == []


def test_a_resource_can_change_hands(engine: MakeEngine, bench: Workbench) -> None:
    """What becomes a look-up of another id is deleted; what was a look-up and becomes the stack's own is created."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a"); Thing("b")')
    assert run.up().ok
    other = next(id_ for id_ in bench.made() if id_.startswith("b"))
    bench.calls()
    bench.write(f'Thing("a", opts=ResourceOptions(id="{other}")); Thing("b")')
    assert operations(run.up()) == {"a": "replace"}
    assert bench.calls("create", "delete") == ["delete a"]
    bench.write('Thing("a"); Thing("b")')
    assert operations(run.up()) == {"a": "replace"}
    assert bench.calls("create", "delete") == ["create a"]


def test_one_failing_read_does_not_keep_others_from_a_refresh(engine: MakeEngine, bench: Workbench) -> None:
    """What could be read is taken up, references to what is gone are dropped, the run fails."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    a = Thing("a")
    Thing("b", tags={"t": a.token}, opts=ResourceOptions(parent=a))
    Thing("c", size=1)
    Thing("d", fail="read")
    """)
    assert run.up().ok
    for id_ in bench.made():
        if id_.startswith("a"):
            bench.remove(id_)
        if id_.startswith("c"):
            bench.change(id_, size=9.0)
    result = run.refresh()
    assert not result.ok
    assert result.changes == {"same": 2, "update": 1, "delete": 1}
    left = {item["urn"].rpartition("::")[2]: item for item in run.export()["deployment"]["resources"]}
    assert sorted(left) == ["b", "c", "d", "default", "proj-local"]
    assert (left["b"].get("parent"), left["b"].get("dependencies")) == (None, None)
    assert left["c"]["inputs"]["size"] == 9
