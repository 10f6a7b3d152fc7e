"""Who may import whom, what is public, and what an import loads."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_account
from tools import rooms as house

ROOMS = house.rooms()
MODULES = sorted(
    ".".join(path.relative_to(house.PACKAGE).with_suffix("").parts)
    for path in house.PACKAGE.rglob("*.py")
    if not path.stem.startswith("_")
)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_row(room: str) -> None:
    """A room has its place in the house before it has imports."""
    assert [room in row for row in [*house.ROWS, house.BESIDE]].count(True) == 1


def test_arrows_point_down() -> None:
    """No room imports from its own row or from above; the emulator imports nothing of the package."""
    assert house.wrong_arrows() == []


@pytest.mark.parametrize(
    ("room", "line", "wrong"),
    [
        ("common", "import pulumi_account.core.keys", "core.keys"),
        ("core", "from pulumi_account import lifecycle", "lifecycle"),
        ("core", "def f():\n    from pulumi_account.program.api_key import ApiKey", "program.api_key"),
        ("core", "from pulumi_account.spend.usage import Usage", "spend.usage"),
        ("core", "from . import keys", "."),
        ("api", "from pulumi_account.emulator import Emulator", "emulator"),
        ("emulator", "from pulumi_account.common.text import usd", "common.text"),
        ("core", "from pulumi_account.api.client import AccountClient", None),
        ("core", "import os, pulumi", None),
        ("cli", "from pulumi_account.testing import LocalEngine", None),
    ],
)
def test_wrong_arrows_are_found(tmp_path: Path, room: str, line: str, wrong: str | None) -> None:
    """The check overlooks neither a deferred nor a relative import, and objects to nothing else."""
    (tmp_path / room).mkdir()
    (tmp_path / room / "__init__.py").write_text(f"{line}\n")
    assert house.wrong_arrows(tmp_path) == ([f"{room}/__init__.py imports {wrong}"] if wrong else [])


def test_a_room_without_a_row_is_reported(tmp_path: Path) -> None:
    """A new room is not overlooked, and its imports are no reason to fail with a traceback."""
    (tmp_path / "new.py").write_text("import pulumi_account.core.keys\n")
    assert house.wrong_arrows(tmp_path) == ["new has no row in ROWS of tools/rooms.py"]


def test_every_module_says_what_it_is_for() -> None:
    """The table of rooms has no empty line."""
    assert [line for line in house.table().splitlines() if line.endswith("|  |")] == []


def test_public_names_can_be_imported() -> None:
    """Each name in `__all__` exists, also those that are loaded on first use."""
    for name in pulumi_account.__all__:
        assert getattr(pulumi_account, name).__name__ == name


def test_all_is_complete() -> None:
    """`__all__` is sorted and has all public names that the package defines or imports."""
    submodules = set(ROOMS)
    helpers = {"annotations", "import_module", "TYPE_CHECKING"}
    seen = {name for name in vars(pulumi_account) if not name.startswith("_")} - submodules - helpers
    assert pulumi_account.__all__ == sorted(pulumi_account.__all__)
    assert seen <= set(pulumi_account.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    """An unknown name is reported as usual, although names are loaded on first use."""
    with pytest.raises(AttributeError, match=r"'pulumi_account' has no attribute 'Nothing'"):
        _ = pulumi_account.Nothing


@pytest.mark.parametrize("module", MODULES)
def test_modules_export_what_they_have(module: str) -> None:
    """Each name in a module's own `__all__` exists."""
    loaded = importlib.import_module(f"pulumi_account.{module}")
    assert [name for name in getattr(loaded, "__all__", []) if not hasattr(loaded, name)] == []


def loads(code: str, *modules: str) -> str:
    """Which of these modules a program loads."""
    code = f"import sys, pulumi_account; {code}; print(*set({modules}) & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return run.stdout.strip()


def test_import_is_light() -> None:
    """A program that only declares keys loads neither httpx, pydantic nor tenacity."""
    names = "pulumi_account.ApiKey, pulumi_account.Provider, pulumi_account.get_balance"
    assert loads(names, "httpx", "pydantic", "tenacity", "pulumi") == "pulumi"


def test_a_key_set_is_light() -> None:
    """A program that reads a key file loads neither httpx nor pydantic."""
    code = "pulumi_account.KeySet; from pulumi_account.keyfile import load_dict"
    assert loads(code, "httpx", "pydantic", "tenacity", "yaml") == "yaml"


def test_the_sdks_version_costs_nothing() -> None:
    """To learn the SDK's version, no list of installed packages is read."""
    assert loads("pulumi_account.ApiKey", "importlib.metadata", "pulumi._version") == "pulumi._version"


def test_a_program_loads_nothing_of_the_providers() -> None:
    """Nor does it load the modules that only the provider's process needs."""
    modules = [
        f"pulumi_account.{name}"
        for name in (
            "core.resource",
            "core.keys",
            "core.declaration",
            "api.client",
            "api.retry",
            "api.rate_limit",
        )
    ]
    assert loads(
        "pulumi_account.ApiKey, pulumi_account.Provider", *modules, "pulumi_account.program.api_key"
    ) == ("pulumi_account.program.api_key")


def test_a_program_that_declares_keys_loads_few_modules() -> None:
    """It loads nothing of the functions, and nothing of the mocks that answer them."""
    found = "*(name for name in sorted(sys.modules) if name.startswith('pulumi_account.program.'))"
    assert loads(f"pulumi_account.ApiKey; print({found})").split() == [
        f"pulumi_account.program.{name}"
        for name in (
            *(
                "api_key",
                "declarations",
                "declared_key",
                "key_arguments",
                "mock_checks",
                "outputs",
                "provider",
            ),
        )
    ]


PREVIEW = """
from types import SimpleNamespace
from pulumi_account.lifecycle import ApiKeyLifecycle
provider = ApiKeyLifecycle()
config = {"account:endpoint": "https://account.example", "account:provisioningKey": "prov-1"}
provider.configure(SimpleNamespace(config=config))
checked = provider.check({}, {"name": "n", "credit_limit": 1.5, "expires_at": "2099-01-01T00:00:00Z"})
assert not checked.failures
assert provider.diff("1", {**checked.inputs, "key_id": 1.0, "name": "old"}, checked.inputs).changes is None
"""


def test_a_preview_is_light() -> None:
    """To configure, check and compare, the provider's process loads neither httpx nor pydantic."""
    code = f"import os; os.environ.pop('NO_PROXY', None); os.environ.pop('no_proxy', None); exec({PREVIEW!r})"
    assert loads(code, "httpx", "pydantic", "tenacity", "pulumi") == "pulumi"


def test_a_preview_with_certificates_is_light() -> None:
    """Whether certificates can be used is found out without the HTTP library that would use them."""
    code = f"import os; os.environ.pop('NO_PROXY', None); os.environ.pop('no_proxy', None); exec({PREVIEW!r})"
    named = f"import certifi, os; os.environ['SSL_CERT_FILE'] = certifi.where(); {code}"
    assert loads(named, "httpx", "pydantic", "tenacity", "pulumi") == "pulumi"


def test_a_preview_with_a_proxy_is_nearly_as_light() -> None:
    """Where there may be a proxy, httpx is asked whether it can be used, but pydantic is still not loaded."""
    assert (
        loads(f"import os; os.environ['NO_PROXY'] = 'x'; exec({PREVIEW!r})", "httpx", "pydantic") == "httpx"
    )


def test_a_call_is_light() -> None:
    """To call the account, the provider's process does not load the command line of httpx, and rich with it."""
    code = (
        "from pulumi_account.api.settings import Settings; from pulumi_account.process import LateClient; "
        "LateClient(Settings('http://127.0.0.1:1', 'prov-1')).made(); import pulumi_account.api.models"
    )
    assert loads(code, "pydantic", "rich", "click", "pygments") == "pydantic"


UPDATE = """
import httpx
from pulumi_account.api.client import AccountClient
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.resource import KeyResource
def answer(request):
    print(request.method, "pydantic" in sys.modules, end=" ")
    return httpx.Response(200, json={**olds, "id": 1, "credit_limit": 2})
client = AccountClient("https://account.example", "prov-1", transport=httpx.MockTransport(answer))
olds = {"name": "n", "is_enabled": True, "expires_at": None, "created_at": "2026-01-01T00:00:00Z"}
assert KeyResource(Account(Keys(client))).update("1", olds, {"name": "n", "credit_limit": 2.0})["credit_limit"] == 2
"""


def test_an_update_sends_before_it_loads() -> None:
    """The models that read an answer are not loaded before the PATCH is sent."""
    assert loads(f"exec({UPDATE!r})", "pydantic") == "PATCH False pydantic"


def test_garbage_is_looked_for_again() -> None:
    """Once the models are loaded, garbage is collected as before, but not looked for in what stays."""
    code = "import gc; from pulumi_account import process; process.load_models(); "
    assert loads(f"{code}print(gc.isenabled(), gc.get_freeze_count() > 0, end=' ')", "pydantic") == (
        "True True pydantic"
    )


def test_the_client_needs_no_engine() -> None:
    """A program that only asks the account does not load Pulumi."""
    assert loads("pulumi_account.AccountClient", "httpx", "pulumi", "grpc") == "httpx"


@pytest.mark.parametrize(
    "room", ["exceptions", "common", "api", "core", "spend", "policy", "keyfile", "stacks"]
)
def test_only_front_ends_know_pulumi(room: str) -> None:
    """These rooms import neither Pulumi's SDK nor gRPC, not even for types: any front end can use them."""
    files = sorted((house.PACKAGE / room).rglob("*.py")) or [house.PACKAGE / f"{room}.py"]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {module.partition(".")[0] for module in modules} & {"pulumi", "grpc", "google"} == set()


def test_no_module_and_no_function_is_long() -> None:
    """A module has at most 350 lines, and a function 45."""
    long = []
    for file in house.PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        long += [file.name] if len(text.splitlines()) > 350 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 45:
                long.append(f"{file.name}:{node.name}")
    assert long == []
