"""How the server behaves where the API's documentation is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_account.emulator.clock import TIMESTAMP_STYLES

if TYPE_CHECKING:
    from pulumi_account.emulator.clock import TimestampStyle


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keywords of `Emulator`, which documents them.

    :raises ValueError: a value is out of range.
    """

    create_status: int
    validation_status: int
    timestamps: TimestampStyle
    fractions: bool
    activity_cache: float
    rate_limit: float | None
    retry_after: int | None

    def __post_init__(self) -> None:
        for is_valid, rule in [
            (self.create_status in (200, 201), "create_status must be 200 or 201"),
            (self.validation_status in (400, 422), "validation_status must be 400 or 422"),
            (self.timestamps in TIMESTAMP_STYLES, f"timestamps must be one of {TIMESTAMP_STYLES}"),
            (self.activity_cache >= 0, "activity_cache must be at least 0"),
            (self.rate_limit is None or self.rate_limit > 0, "rate_limit must be more than 0"),
            (self.retry_after is None or self.retry_after >= 0, "retry_after must be at least 0"),
        ]:
            if not is_valid:
                raise ValueError(rule)
