"""Whether a key works: the state that commands, the report and metrics show."""

from __future__ import annotations

from datetime import datetime

from pulumi_account.api.models import Key

__all__ = ["EXISTING", "key_state"]

#: the states of the keys that the account has
EXISTING = ("active", "disabled", "expired")


def key_state(key: Key | None, now: datetime) -> str:
    """One of `EXISTING`, or deleted if there is no key. An expired key is expired, whether it is enabled or not.

    A reservation counts as a key here; ``keys list`` shows it as one by its name (`core.reservations`).
    """
    if key is None:
        return "deleted"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "active" if key.is_enabled else "disabled"
