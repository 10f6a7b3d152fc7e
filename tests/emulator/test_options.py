"""The options for what the API's documentation leaves open."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    KEYS,
    Start,
    assert_error,
)


@pytest.mark.parametrize("status", [200, 201])
def test_the_status_of_post(start: Start, status: int) -> None:
    """The status of POST can be 200 or 201."""
    _, client = start(create_status=status)
    assert client.post(KEYS, json={"name": "x"}).status_code == status


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (422, "validation_error")])
def test_the_status_of_invalid_values(start: Start, status: int, kind: str) -> None:
    """The status for an invalid value can be 400 or 422."""
    _, client = start(validation_status=status)
    assert_error(client.post(KEYS, json={"name": ""}), status, kind)


@pytest.mark.parametrize(
    ("style", "fractions", "created", "expires"),
    [
        ("naive", True, r"\.\d{6}", "2099-01-01T00:00:00.250000"),
        ("naive", False, "", "2099-01-01T00:00:00"),
        ("Z", True, r"\.\d{6}Z", "2099-01-01T00:00:00.250000Z"),
        ("Z", False, "Z", "2099-01-01T00:00:00Z"),
        ("offset", True, r"\.\d{6}\+00:00", "2099-01-01T00:00:00.250000+00:00"),
        ("offset", False, r"\+00:00", "2099-01-01T00:00:00+00:00"),
        ("sent", True, r"\.\d{6}", "2099-01-01T01:00:00.25+01:00"),
    ],
)
def test_timestamp_styles(
    start: Start,
    style: str,
    fractions: bool,
    created: str,
    expires: str,
) -> None:
    """Instants are written in the selected style."""
    _, client = start(timestamps=style, fractions=fractions)
    key = client.post(KEYS, json={"name": "x", "expires_at": "2099-01-01T01:00:00.25+01:00"}).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + created, key["created_at"])
    assert key["expires_at"] == expires


def test_the_clock_may_differ(start: Start) -> None:
    """`created_at` and the Date header follow the server's clock."""
    _, client = start(clock_offset=timedelta(days=400), timestamps="offset")
    response = client.post(KEYS, json={"name": "x"})
    created = datetime.fromisoformat(response.json()["created_at"])
    ahead = created - datetime.now(timezone.utc)
    assert timedelta(days=399) < ahead < timedelta(days=401)
    assert str(created.year) in response.headers["Date"]


@pytest.mark.parametrize(
    "option",
    [
        {"create_status": 202},
        {"validation_status": 409},
        {"timestamps": "roman"},
        {"activity_cache": -1},
        {"rate_limit": 0},
        {"retry_after": -1},
    ],
    ids=str,
)
def test_bad_options(option: Any) -> None:
    """An option out of range is refused before the server starts; the error names it."""
    with pytest.raises(ValueError, match=next(iter(option))):
        Emulator(**option)
