"""Keeps secrets out of messages and out of what programs print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote, quote_plus

from pulumi_account.testing.values import Properties, Value, secret_texts

_SHORTEST = 3  # characters: to hide shorter secrets would garble every text

_WRITERS: list[Callable[[str], str]] = [
    str,
    lambda text: repr(text)[1:-1],
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    partial(quote, errors="replace"),
    partial(quote_plus, errors="replace"),
]


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
