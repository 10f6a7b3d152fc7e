"""The README says what is so."""

from __future__ import annotations

import base64
import pickle
import re
from importlib.metadata import metadata
from pathlib import Path

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2

from pulumi_account.api import settings as config
from tests.reference import BEGIN, END, README, reference
from tests.support.provider_process import ProviderProcess

ROOT = Path(__file__).parent.parent
TEXT = README.read_text(encoding="utf-8")


def test_reference_is_that_of_the_docstrings() -> None:
    """The reference is written by `make reference`."""
    assert TEXT.partition(BEGIN)[2].partition(END)[0].strip() == reference().strip()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make (\w+)`?", TEXT)) - {"and"}))
def test_make_targets_exist(target: str) -> None:
    """Every `make` command that is named is in the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    """Every relative link leads to a file."""
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize("variable", ["ACCOUNT_ENDPOINT", "ACCOUNT_PROVISIONING_KEY", "ACCOUNT_RETRY_DEADLINE",
                                      "ACCOUNT_TIMEOUT", "ACCOUNT_LOOPBACK_ONLY"])  # fmt: skip
def test_configuration_is_complete(variable: str) -> None:
    """Every environment variable that is read is explained."""
    assert variable in Path(config.__file__).read_text()
    assert f"`{variable}`" in TEXT


def test_named_extras_exist() -> None:
    """The extras that the README names can be installed."""
    extras = metadata("pulumi_account").get_all("Provides-Extra") or []
    assert set(re.findall(r"pulumi_account\[(\w+)\]", TEXT)) <= set(extras)


def test_first_program_is_valid() -> None:
    """The first program in the README is Python, and uses names that exist."""
    program = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)[0]
    import pulumi_account

    for name in re.findall(r"account\.(\w+)\(", program):
        assert hasattr(pulumi_account, name)
    compile(program, "README.md", "exec")


@pytest.mark.parametrize("document", ["README.md", "RELIABILITY.md"])
def test_the_open_port_is_told(document: str) -> None:
    """Both pages say that other users of a machine can run code as the one who deploys, and what to do about it."""
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    for words in (
        "listens on",
        "unpickles what it is sent",
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
    """The SDK's process runs what anybody sends it: the day it does not, the pages need not say so any more."""
    program = base64.b64encode(pickle.dumps(_Writing(tmp_path / "written"))).decode()
    news = struct_pb2.Struct()
    news.update({"__provider": program})
    with ProviderProcess({}, tmp_path, {}) as process, pytest.raises(grpc.RpcError):
        process.stub.Check(provider_pb2.CheckRequest(news=news))
    assert (tmp_path / "written").exists()
