"""What an endpoint and a provisioning key may be."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.settings import is_loopback, require_sendable
from pulumi_account.exceptions import ConfigurationError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import refusal, unhurried

LOOPBACK = [
    "http://localhost",
    "http://LOCALHOST:80",
    "http://127.0.0.1:8080/",
    "http://127.255.0.9",
    "http://[::1]:1",
]
ELSEWHERE = ["https://api.naga.ac", "http://localhost.example", "http://127.0.0.1.example", "http://10.0.0.1"]
ELSEWHERE += ["http://0.0.0.0", "http://[2001:db8::1]", "http://localhost@example.com", "", "localhost"]


@pytest.mark.parametrize("endpoint", LOOPBACK)
def test_this_machine(endpoint: str) -> None:
    """Localhost, 127.0.0.0/8 and ::1 are this machine."""
    assert is_loopback(endpoint) is True


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_another_machine(endpoint: str) -> None:
    """Nothing else is, whatever it looks like."""
    assert is_loopback(endpoint) is False


@unhurried
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'\\"), min_size=1))
def test_keys_that_can_be_sent(key: str) -> None:
    """Any visible ASCII but quotes and backslashes can be sent."""
    require_sendable(key)
    assert httpx.Headers({"Authorization": f"Bearer {key}"})["Authorization"] == f"Bearer {key}"


@unhurried
@given(
    st.text(),
    st.sampled_from([" ", "\\", "'", '"', "\n", "\r", "\t", "\0", "\x7f", "é", "🔑", "\u200b"]),
    st.text(),
)
def test_keys_that_cannot_be_sent(before: str, wrong: str, after: str) -> None:
    """A space, a line break, a quote, a backslash or anything outside ASCII is refused, and the key not quoted."""
    key = f"{before}{wrong}{PROVISIONING_KEY}{after}"
    refusal(ConfigurationError, lambda: require_sendable(key), "copy it again")


def test_an_empty_key_cannot_be_sent() -> None:
    """No key is no key."""
    refusal(ConfigurationError, lambda: require_sendable(""), "is empty")
