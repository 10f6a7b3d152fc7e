"""Bearer keys: making them, hashing them, telling the two kinds apart."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from pulumi_account.emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def new_plaintext() -> str:
    """A fresh random inference key."""
    return "ng-" + secrets.token_urlsafe(32)


def digest(plaintext: str) -> str:
    """What is kept of a key: enough to recognize it, not enough to use it.

    A plain hash is enough, because the keys are long and random: there is nothing to guess.
    """
    return hashlib.sha256(plaintext.encode("utf-8", "surrogateescape")).hexdigest()


class Credentials:
    """Decides who may use the account paths. Holds hashes only, so no repr can give a key away."""

    def __init__(
        self, provisioning: Iterable[str], inference: Iterable[str], is_issued: Callable[[str], bool]
    ) -> None:
        self._provisioning = frozenset(map(digest, provisioning))
        self._inference = frozenset(map(digest, inference))
        self._is_issued = is_issued

    def check(self, authorization: str | None) -> None:
        """Pass a provisioning key; raise `ApiError` 401 for anything else."""
        if authorization is None:
            raise ApiError(401, "No API key was given. Send 'Authorization: Bearer <provisioning key>'.")
        hashed = digest(_bearer(authorization))
        if hashed in self._provisioning:
            return
        if hashed in self._inference or self._is_issued(hashed):
            raise ApiError(401, "An inference key cannot manage the account. Use a provisioning key.")
        raise ApiError(401, "The API key is not valid.")


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiError(401, "The Authorization header is malformed. Send 'Bearer <provisioning key>'.")
    return token.strip()
