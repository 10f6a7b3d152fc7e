"""The alert rules and the dashboard of examples/monitoring: the exporter answers every query."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml

from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.metrics import DEFAULT_PORT
from tests.metrics.scrapes import exporting, settled
from tests.support import ROOT
from tests.support.canaries import PROVISIONING_KEY

FOLDER = ROOT / "examples" / "monitoring"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
QUERIES = [
    (panel["title"], target["expr"].replace("$instance", ".+"))
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An account with a reason for every alert except those about the exporter."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="1.00") as emulator:
        soon = emulator.clock.now() + timedelta(days=2)
        key_id, _ = emulator.add("production", credit_limit=5, expires_at=soon)
        emulator.add("soon", credit_limit=5, expires_at=soon)
        day = emulator.clock.now().date() - timedelta(days=1)
        emulator.add_usage(key_id, "large", requests=5, cost="4.9", input_tokens=50, output_tokens=5, day=day)
        emulator.add_usage(99, "small", cost="1", key_name="gone", day=day)
        yield emulator


def required(program: str) -> str:
    """A program on the PATH; without it the test is skipped, or fails if it is required."""
    found = shutil.which(program)
    if found is None and os.environ.get("PULUMI_ACCOUNT_REQUIRE_PROMTOOL") == "1":
        pytest.fail(f"no {program} on the PATH")
    if found is None:
        pytest.skip(f"no {program} on the PATH")
    return found


# --- with nothing but the files ----------------------------------------------------------------------------


def test_only_metrics_that_exist(emulator: Emulator) -> None:
    """Rules, their tests, dashboard and README name only metrics that the exporter has."""
    with exporting(emulator) as exporter:
        served = settled(exporter).names
    for file in ("alerts.yml", "alerts_test.yml", "dashboard.json", "README.md"):
        named = set(re.findall(r"pulumi_account_\w+", (FOLDER / file).read_text(encoding="utf-8")))
        assert named <= served, file


def test_the_dashboard_shows_all(emulator: Emulator) -> None:
    """The dashboard shows every metric, except those that only serve others."""
    with exporting(emulator) as exporter:
        served = settled(exporter).names
    unseen = {name for name in served if not any(name in expression for _, expression in QUERIES)}
    assert unseen == {
        f"pulumi_account_{name}"
        for name in ("up", "period_seconds", "requests", "tokens", "key_enabled", "key_limit_usd", "key_requests",
                     "model_requests", "runway_by_mean_seconds")
    }  # fmt: skip


def test_each_alert_is_tested() -> None:
    """Every alert has a test in which it fires and one in which it does not."""
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    expected = [case for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in ALERTS}
    assert {case["alertname"] for case in expected if case["exp_alerts"]} == names
    assert {case["alertname"] for case in expected if not case["exp_alerts"]} == names


def test_each_alert_says_what_to_do() -> None:
    """Every alert has a severity, a summary and a description."""
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_scrapes_the_default_address() -> None:
    """Prometheus scrapes the exporter's default address."""
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"][0]
    assert scraped["static_configs"] == [{"targets": [f"127.0.0.1:{DEFAULT_PORT}"]}]
    assert f'up{{job="{scraped["job_name"]}"}}' in (FOLDER / "alerts.yml").read_text(encoding="utf-8")


def test_panels_have_their_places() -> None:
    """Panels do not overlap, and each has its own id."""
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# --- with promtool -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"],
)
def test_promtool(arguments: str) -> None:
    """Prometheus accepts its configuration and the rules, and these fire when they should."""
    run = subprocess.run(
        [required("promtool"), *arguments.split()],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_names_follow_the_conventions(emulator: Emulator) -> None:
    """Promtool accepts the names, the units and the help of all metrics."""
    with exporting(emulator) as exporter:
        text = settled(exporter).text
    run = subprocess.run(
        [required("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


# --- with Prometheus ---------------------------------------------------------------------------------------

Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks a Prometheus that has scraped the exporter with the example's own configuration."""
    program, folder = required("prometheus"), tmp_path_factory.mktemp("prometheus")
    shutil.copy(FOLDER / "alerts.yml", folder)
    with exporting(emulator, max_keys=2) as exporter, socket.create_server(("127.0.0.1", 0)) as free:
        settled(exporter)
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        (folder / "prometheus.yml").write_text(configuration(exporter.url), encoding="utf-8")
        flags = [
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={address}",
        ]
        process = subprocess.Popen(
            [program, *flags], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            ask = asking(address, process)
            emulator.faults.add(Fault(Answer(503), operation="get_activity"))
            exporter.refresh()
            exporter.refresh()
            yield ask
        finally:
            process.terminate()
            process.wait(timeout=30)


def configuration(url: str) -> str:
    """The example's configuration, with another address and shorter intervals."""
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    example["global"] = {
        "scrape_interval": "500ms",
        "evaluation_interval": "500ms",
        "scrape_timeout": "500ms",
    }
    example["scrape_configs"][0]["static_configs"][0]["targets"] = [httpx.URL(url).netloc.decode()]
    return yaml.safe_dump(example)


def asking(address: str, process: subprocess.Popen[bytes]) -> Ask:
    """Queries that Prometheus, once it has scraped."""

    def ask(expression: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"http://{address}/api/v1/query", params={"query": expression}, timeout=10)
        assert answer.is_success, f"{expression}: {answer.text}"
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if ask("pulumi_account_key_info"):
                return ask
        except (httpx.TransportError, AssertionError):
            pass
        time.sleep(0.1)
    raise AssertionError("Prometheus has scraped nothing")


@pytest.mark.parametrize(("title", "expression"), QUERIES, ids=[title for title, _ in QUERIES])
def test_each_panel_has_data(title: str, expression: str, ask: Ask) -> None:
    """Prometheus understands every query of the dashboard, and finds data."""
    assert eventually(ask, expression), title


def eventually(ask: Ask, expression: str) -> list[dict[str, Any]]:
    """The result, once Prometheus has scraped it."""
    give_up = time.monotonic() + 30
    while not (found := ask(expression)) and time.monotonic() < give_up:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize(
    ("alert", "found"),
    [
        ("AccountBalanceLow", [{}]),
        ("AccountRunwayShort", [{}]),
        ("AccountKeyNearLimit", [{"key_id": "1", "key_name": "production"}]),
        (
            "AccountKeyExpiresSoon",
            [{"key_id": "1", "key_name": "production"}, {"key_id": "2", "key_name": "soon"}],
        ),
        ("AccountDataOld", []),
        ("AccountExporterDown", []),
    ],
)
def test_each_alert_has_its_reason(alert: str, found: list[dict[str, str]], ask: Ask) -> None:
    """Every alert's expression finds its reason in this account, and names the key."""
    (expression,) = [rule["expr"] for rule in ALERTS if rule["alert"] == alert]
    labels = [
        {name: x["metric"][name] for name in ("key_id", "key_name") if name in x["metric"]}
        for x in ask(expression)
    ]
    assert sorted(labels, key=str) == found


def test_prometheus_has_the_rules(ask: Ask) -> None:
    """The alerts are pending or firing in Prometheus itself."""
    assert len(eventually(ask, 'ALERTS{alertname="AccountKeyExpiresSoon"}')) == 2
