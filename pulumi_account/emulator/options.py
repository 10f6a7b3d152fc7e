"""How this server behaves where the API's documentation is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_account.emulator.checks import require
from pulumi_account.emulator.clock import TIMESTAMP_STYLES

if TYPE_CHECKING:
    from pulumi_account.emulator.clock import TimestampStyle


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices; every one of them is a keyword of `Emulator` and a flag of the command.

    Raises:
        ValueError: a value outside its range.
    """

    create_status: int = 201
    """What a POST is answered with: 200 or 201."""
    validation_status: int = 422
    """What a value against the rules is answered with: 422 or 400."""
    timestamps: TimestampStyle = "naive"
    """How instants are written."""
    fractions: bool = True
    """Whether instants have fractions of a second."""
    activity_cache: float = 300.0
    """Seconds the activity is cached; 0 switches it off."""
    rate_limit: float | None = None
    """Requests a second; those beyond are answered 429."""
    retry_after: int | None = None
    """The `Retry-After` of those answers, in seconds; None sends none."""

    def __post_init__(self) -> None:
        require(self.create_status in (200, 201), "create_status must be 200 or 201")
        require(self.validation_status in (400, 422), "validation_status must be 400 or 422")
        require(self.timestamps in TIMESTAMP_STYLES, f"timestamps must be one of {TIMESTAMP_STYLES}")
        require(self.activity_cache >= 0, "activity_cache must be at least 0")
        require(self.rate_limit is None or self.rate_limit > 0, "rate_limit must be more than 0")
        require(self.retry_after is None or self.retry_after >= 0, "retry_after must be at least 0")
