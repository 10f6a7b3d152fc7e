"""Bearer keys: how they are made and hashed, and which of them may use the account API."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def new_plaintext() -> str:
    """A new random inference key."""
    return "ng-" + secrets.token_urlsafe(32)


def digest(plaintext: str) -> str:
    """The stored form of a key: enough to recognize it, not enough to use it.

    A plain hash is enough, because the keys are long and random: there is nothing to guess.
    """
    return hashlib.sha256(plaintext.encode("utf-8", "surrogateescape")).hexdigest()


class Credentials:
    """Decides who may use the account API. Holds hashes only, so that no repr reveals a key."""

    def __init__(
        self, provisioning: Iterable[str], inference: Iterable[str], is_issued: Callable[[str], bool]
    ) -> None:
        self._provisioning = frozenset(map(digest, provisioning))
        self._inference = frozenset(map(digest, inference))
        self._is_issued = is_issued

    def refusal(self, authorization: str | None) -> str | None:
        """Why a request with this Authorization header is refused; None for a provisioning key."""
        if authorization is None:
            return "No API key was given. Send 'Authorization: Bearer <provisioning key>'."
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return "The Authorization header is malformed. Send 'Bearer <provisioning key>'."
        hashed = digest(token.strip())
        if hashed in self._provisioning:
            return None
        if hashed in self._inference or self._is_issued(hashed):
            return "An inference key cannot manage the account. Use a provisioning key."
        return "The API key is not valid."
