"""Encrypts the secrets in a state file, and keeps secrets out of messages.

A state file is encrypted with AES-256-GCM under a key derived from a passphrase.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import quote, quote_plus

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_account.testing.values import Properties, Value, secret_texts

__all__ = ["PassphraseError", "Vault", "passphrase"]

_ITERATIONS = 1_000_000
_SHORTEST = 3  # characters: to hide shorter secrets would garble every text

_WRITERS: list[Callable[[str], str]] = [
    str,
    lambda text: repr(text)[1:-1],
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    partial(quote, errors="replace"),
    partial(quote_plus, errors="replace"),
]


class PassphraseError(Exception):
    """The passphrase does not decrypt the state file."""


@lru_cache
def _new_salt() -> bytes:
    """One salt for all states that a process begins, so that it derives their key once: that takes a second."""
    return os.urandom(8)


@lru_cache
def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ITERATIONS, 32)


def passphrase(env: Mapping[str, str]) -> str:
    """``PULUMI_CONFIG_PASSPHRASE``, else the text of ``PULUMI_CONFIG_PASSPHRASE_FILE``, else the empty string."""
    if "PULUMI_CONFIG_PASSPHRASE" in env or "PULUMI_CONFIG_PASSPHRASE_FILE" not in env:
        return env.get("PULUMI_CONFIG_PASSPHRASE", "")
    return Path(env["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()


class Vault:
    """Encrypts and decrypts; it derives its key, which is slow by design, on first use.

    :ivar state: what the state file keeps to check the passphrase; None until there is a secret.
    """

    def __init__(self, passphrase: str, state: str | None = None) -> None:
        self._passphrase = passphrase
        self._salt = base64.b64decode(state.split(":")[1]) if state else _new_salt()
        self.state = state
        self._cipher: AESGCM | None = None

    def _open(self) -> AESGCM:
        if self._cipher is None:
            cipher = AESGCM(_key(self._passphrase, self._salt))
            salt = base64.b64encode(self._salt).decode()
            self.state = self.state or f"v1:{salt}:{_seal(cipher, 'pulumi')}"
            if _unseal(cipher, self.state.split(":", 2)[2]) != "pulumi":
                raise PassphraseError("the secrets in the state file do not open with this passphrase")
            self._cipher = cipher
        return self._cipher

    def encrypt(self, text: str) -> str:
        """Encrypt one value."""
        return _seal(self._open(), text)

    def decrypt(self, text: str) -> str:
        """Decrypt one value."""
        return _unseal(self._open(), text)


def _seal(cipher: AESGCM, text: str) -> str:
    nonce = os.urandom(12)
    data = cipher.encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(data).decode()}"


def _unseal(cipher: AESGCM, text: str) -> str:
    _, nonce, data = text.split(":")
    try:
        return cipher.decrypt(base64.b64decode(nonce), base64.b64decode(data), None).decode()
    except InvalidTag:
        reason = "the secrets in the state file do not open with this passphrase (PULUMI_CONFIG_PASSPHRASE)"
        raise PassphraseError(reason) from None


class Redactor:
    """Replaces the secrets that it knows.

    :param config: the stack's configuration. Its secrets are found in every form in which Python, JSON and URLs
        write them: whole, trimmed and line by line.
    """

    def __init__(self, config: Mapping[str, Value]) -> None:
        self._secrets: set[str] = set()
        self._longest_first: list[str] = []
        for text in secret_texts(dict(config)):
            parts = {text, text.strip(), *(line.strip() for line in text.splitlines())}
            self._add(write(part) for part in parts for write in _WRITERS)

    def _add(self, texts: Iterable[str]) -> None:
        self._secrets |= {text for text in texts if len(text) >= _SHORTEST}

    def add(self, *bags: Properties) -> None:
        """Learn the secrets in these properties."""
        for bag in bags:
            self._add(secret_texts(bag))

    def redact(self, message: str) -> str:
        """The message with ``[secret]`` for every secret."""
        if len(self._longest_first) != len(self._secrets):
            self._longest_first = sorted(self._secrets, key=len, reverse=True)
        for text in self._longest_first:
            message = message.replace(text, "[secret]")
        return message
