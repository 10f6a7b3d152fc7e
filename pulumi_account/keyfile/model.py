"""What a key file declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from pulumi_account.keyfile.nodes import Place

__all__ = ["DeclaredKey", "KeyFile", "Rotation"]


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """How a key is rotated.

    :ivar every: the time between two rotations.
    :ivar overlap: how long an old key still works; None for the default.
    :ivar anchor: the instant from which rotations count; None for the first deployment.
    :ivar rotate_now: a text that rotates the key at once when it changes.
    :ivar revoke: the same, and older keys are deleted.
    """

    every: timedelta
    overlap: timedelta | None = None
    anchor: datetime | None = None
    rotate_now: str | None = None
    revoke: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeclaredKey:
    """A key of one environment, with its effective values.

    :ivar name: the name on the server; for a rotating key, the name before the generation.
    :ivar previously: former names, each as ``team/key``.
    :ivar places: where each value is, by its property; labels as ``labels.NAME``. Values that the file does not have
        are missing.
    """

    team: str
    key: str
    environment: str
    name: str
    labels: Mapping[str, str]
    credit_limit: Decimal | None = None
    is_enabled: bool = True
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    delete_guard: timedelta | None = None
    rotate: Rotation | None = None
    protect: bool | None = None
    adopt_key_id: int | None = None
    previously: tuple[str, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    @property
    def exposure(self) -> Decimal | None:
        """What the key may spend at most, in USD; while an old key still works, a rotating one has two limits."""
        return self.credit_limit if self.credit_limit is None or not self.rotate else 2 * self.credit_limit

    @property
    def resource_name(self) -> str:
        """The name of the key's resource in a stack."""
        return resource_name(f"{self.team}/{self.key}")


def resource_name(path: str) -> str:
    """The name of a resource in a stack.

    :param path: ``team/key``.
    """
    return path.replace("/", "-")


@dataclass(frozen=True, kw_only=True)
class KeyFile:
    """The keys of a file.

    :ivar environments: the names of its environments, in the order of the file.
    :ivar keys: the keys of all environments, in the order of the file.
    """

    environments: tuple[str, ...]
    keys: tuple[DeclaredKey, ...]

    def of(self, environment: str) -> tuple[DeclaredKey, ...]:
        """The keys of one environment."""
        return tuple(key for key in self.keys if key.environment == environment)
