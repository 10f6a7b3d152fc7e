"""`docs/limits.md`: what the page says of Pulumi's SDK is so."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2

from tests.support.pages import ROOT
from tests.support.provider_process import ProviderProcess


def test_the_open_port_is_described() -> None:
    """The page says that other users of a machine can run code as the user who deploys, and what to do about it."""
    text = " ".join((ROOT / "docs/limits.md").read_text(encoding="utf-8").split())
    for words in (
        "listens on",
        "unpickles what it",
        "can run code as the user who deploys",
        "container",
        "namespace",
    ):
        assert words in text


class _Writing:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self._path, "w")


def test_the_open_port_is_open(tmp_path: Path) -> None:
    """The SDK's process runs whatever code it receives; if it stops doing so, the page must change."""
    program = base64.b64encode(pickle.dumps(_Writing(tmp_path / "written"))).decode()
    news = struct_pb2.Struct()
    news.update({"__provider": program})
    with ProviderProcess({}, tmp_path, {}) as process, pytest.raises(grpc.RpcError):
        process.stub.Check(provider_pb2.CheckRequest(news=news))
    assert (tmp_path / "written").exists()
