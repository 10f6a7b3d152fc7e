"""Who may use the account API, and what is kept secret."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    ACCOUNT_CALLS,
    INFERENCE,
    KEYS,
    PROVISIONING,
    Start,
    assert_error,
    client_of,
)


@pytest.mark.parametrize(("method", "path"), ACCOUNT_CALLS)
def test_a_key_is_needed(emulator: Emulator, method: str, path: str) -> None:
    """Without a key every operation is refused before anything else is checked."""
    with httpx.Client(base_url=emulator.url) as stranger:
        response = stranger.request(method, path, content=b"no json")
    assert_error(response, 401, "authentication_error")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ACCOUNT_CALLS)
def test_an_inference_key_is_the_wrong_kind(emulator: Emulator, method: str, path: str) -> None:
    """Issued keys and known inference keys are refused with a separate message."""
    issued = emulator.add("x")[1]
    for bearer in (issued, INFERENCE):
        with client_of(emulator, bearer) as user:
            message = assert_error(user.request(method, path), 401, "authentication_error")
        assert "inference key" in message.lower()
        assert bearer not in message


def test_a_deleted_key_is_unknown(emulator: Emulator) -> None:
    """The plaintext of a deleted key is an unknown key, not an inference key."""
    key_id, plaintext = emulator.add("x")
    emulator.remove(key_id)
    with client_of(emulator, plaintext) as user:
        assert "not valid" in assert_error(user.get(KEYS), 401, "authentication_error")


@pytest.mark.parametrize(
    "header",
    [b"prov-1", b"Basic prov-1", b"Bearer", b"Bearer prov-11", b"Bearer \xff\xfe", b""],
)
def test_malformed_and_unknown_keys(emulator: Emulator, header: bytes) -> None:
    """Every other header is refused, and the answer does not quote it."""
    response = httpx.get(emulator.url + KEYS, headers=[(b"Authorization", header)], trust_env=False)
    assert "prov-1" not in assert_error(response, 401, "authentication_error")


def test_the_scheme_has_no_case(emulator: Emulator) -> None:
    """`bearer` works like `Bearer`: HTTP ignores the case of a scheme."""
    response = httpx.get(emulator.url + KEYS, headers={"Authorization": "bearer prov-1"}, trust_env=False)
    assert response.status_code == 200


def test_several_provisioning_keys() -> None:
    """Each of several provisioning keys can manage the account."""
    with Emulator(provisioning_key=["a", "b"]) as emulator:
        assert emulator.provisioning_key == "a"
        for bearer in ("a", "b"):
            with client_of(emulator, bearer) as client:
                assert client.get(KEYS).status_code == 200


def test_credentials_are_not_logged(
    emulator: Emulator, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at the level DEBUG, the log has neither kind of key."""
    caplog.set_level(logging.DEBUG)
    plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
    with client_of(emulator, plaintext) as user:
        user.get(KEYS)
    assert caplog.text  # at least the lines of httpx: the log is captured
    assert plaintext not in caplog.text
    assert PROVISIONING not in caplog.text


def test_plaintexts_are_not_stored(start: Start, tmp_path: Path) -> None:
    """No file of the database has a plaintext."""
    emulator, client = start(db=tmp_path / "keys.db")
    plaintext = client.post(KEYS, json={"name": "findable-name"}).json()["key"]
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"findable-name" in stored
    assert plaintext.encode() not in stored
    assert plaintext not in str(emulator.keys())
