"""Who may import whom, what is public, and what an import loads."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulumi_account

ROOT = Path(pulumi_account.__file__).parent
#: a module imports only from rows above its own
ROWS = [
    ["exceptions", "files", "text"],
    ["values"],
    ["models", "inputs"],
    ["usage"],
    ["spending"],
    ["endpoint"],
    ["config"],
    ["pace", "network"],
    ["transport"],
    ["client"],
    ["leftovers", "answers", "watch"],
    ["peers"],
    ["keys", "adoption"],
    ["steps"],
    ["lifecycle"],
    ["mocks"],
    ["provider"],
    ["api_key"],
    ["asking"],
    ["functions"],
    ["components"],
    ["review", "policy"],
    ["report", "metrics"],
    ["cli"],
]
ROW = {module: row for row, modules in enumerate(ROWS) for module in modules}
MODULES = sorted(path.stem for path in ROOT.glob("*.py") if not path.stem.startswith("__"))
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
FILES = sorted(p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).parts[0].removesuffix(".py") in ROW)
EMULATOR = sorted((ROOT / "emulator").glob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules of this package that a file imports from outside its own folder, deferred imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [] if node.level == 1 and path.parent != ROOT else ["pulumi_account.relative"]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "pulumi_account":
                yield rest.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_row(module: str) -> None:
    """A module has its place in the house before it has imports."""
    assert module in ROW


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_import_only_from_above(file: Path) -> None:
    """No module imports from its own row, from below, or from the emulator; the command line may use all."""
    module = file.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = {name for name, row in ROW.items() if row < ROW[module]}
    allowed |= {"emulator", "testing"} if module == "cli" else set()
    assert set(imported(file)) - {module} <= allowed


@pytest.mark.parametrize("path", EMULATOR, ids=lambda path: path.stem)
def test_emulator_stands_alone(path: Path) -> None:
    """The emulator imports nothing of the package, so it cannot repeat a wrong model."""
    assert list(imported(path)) == []


def test_imported_finds_every_form(tmp_path: Path) -> None:
    """The reader of imports overlooks neither a deferred nor a relative one."""
    file = tmp_path / "module.py"
    file.write_text(
        "import pulumi_account.a\nfrom pulumi_account import b\nfrom pulumi_account.c import x\n"
        "import os, pulumi\ndef f():\n    from pulumi_account.d.e import y\n    from .. import z\n"
    )
    assert sorted(imported(file)) == ["a", "b", "c", "d", "relative"]


def test_public_names_can_be_imported() -> None:
    """Each name in `__all__` is there, those included that are loaded when they are first used."""
    for name in pulumi_account.__all__:
        assert getattr(pulumi_account, name).__name__ == name


def test_all_is_complete() -> None:
    """`__all__` is sorted and holds whatever the package defines or imports under a public name."""
    submodules = {*MODULES, *PACKAGES}
    helpers = {"annotations", "import_module", "TYPE_CHECKING"}
    seen = {name for name in vars(pulumi_account) if not name.startswith("_")} - submodules - helpers
    assert pulumi_account.__all__ == sorted(pulumi_account.__all__)
    assert seen <= set(pulumi_account.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    """Loading on first use leaves wrong names what they are."""
    with pytest.raises(AttributeError, match=r"'pulumi_account' has no attribute 'Nothing'"):
        _ = pulumi_account.Nothing


@pytest.mark.parametrize("module", MODULES)
def test_modules_export_what_they_have(module: str) -> None:
    """Each name in a module's own `__all__` exists."""
    loaded = importlib.import_module(f"pulumi_account.{module}")
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []


def loads(code: str, *modules: str) -> str:
    """Which of these modules a program loads."""
    code = f"import sys, pulumi_account; {code}; print(*set({modules}) & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return run.stdout.strip()


def test_import_is_light() -> None:
    """A program that only declares keys loads neither httpx, pydantic nor tenacity."""
    names = "pulumi_account.ApiKey, pulumi_account.Provider, pulumi_account.get_balance"
    assert loads(names, "httpx", "pydantic", "tenacity", "pulumi") == "pulumi"


def test_the_sdks_version_costs_nothing() -> None:
    """To learn the SDK's version, no list of installed packages is read."""
    assert loads("pulumi_account.ApiKey", "importlib.metadata", "pulumi._version") == "pulumi._version"


def test_a_program_loads_nothing_of_the_providers() -> None:
    """Nor does it load the modules that only the provider's process needs."""
    modules = [
        f"pulumi_account.{name}"
        for name in ("steps", "keys", "client", "transport", "pace", "models", "inputs", "config")
    ]
    assert loads("pulumi_account.ApiKey, pulumi_account.Provider", *modules, "pulumi_account.api_key") == (
        "pulumi_account.api_key"
    )


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
        "from pulumi_account.config import Settings; from pulumi_account.lifecycle import _LateClient; "
        "_LateClient(Settings('http://127.0.0.1:1', 'prov-1')).made(); import pulumi_account.models"
    )
    assert loads(code, "pydantic", "rich", "click", "pygments") == "pydantic"


UPDATE = """
import httpx
from pulumi_account.client import AccountClient
from pulumi_account.keys import Keys
from pulumi_account.steps import Steps
def answer(request):
    print(request.method, "pydantic" in sys.modules, end=" ")
    return httpx.Response(200, json={**olds, "id": 1, "credit_limit": 2})
client = AccountClient("https://account.example", "prov-1", transport=httpx.MockTransport(answer))
olds = {"name": "n", "is_enabled": True, "expires_at": None, "created_at": "2026-01-01T00:00:00Z"}
assert Steps(Keys(client)).update("1", olds, {"name": "n", "credit_limit": 2.0}).outs["credit_limit"] == 2
"""


def test_an_update_sends_before_it_loads() -> None:
    """The models that read an answer are not loaded before the PATCH is sent."""
    assert loads(f"exec({UPDATE!r})", "pydantic") == "PATCH False pydantic"


def test_garbage_is_looked_for_again() -> None:
    """Once the models are loaded, garbage is collected as before, but not looked for in what stays."""
    code = "import gc; from pulumi_account import lifecycle; lifecycle._load_models(); "
    assert loads(f"{code}print(gc.isenabled(), gc.get_freeze_count() > 0, end=' ')", "pydantic") == (
        "True True pydantic"
    )


def test_the_client_needs_no_engine() -> None:
    """A program that only asks the account does not load Pulumi."""
    assert loads("pulumi_account.AccountClient", "httpx", "pulumi", "grpc") == "httpx"
