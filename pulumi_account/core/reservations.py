"""Reservations: a key with an exact name begins as one, and a crash may leave one behind.

POST takes no idempotency key, and names need not be unique: a lost answer would leave a key that cannot be
distinguished from others. So every POST sends a name that no other key has. An auto-named key has such a name. For an
exact name, POST makes a *reservation*: a key with a random name and credit limit 0 that expires within the hour. The
PATCH that follows turns it into the declared key.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pulumi_account.common.instants import format_instant, same_instant
from pulumi_account.exceptions import NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Key

__all__ = ["IN_USE", "LEASE", "RESERVATION_PREFIX", "Draft", "find_reservations", "is_reservation", "remove"]

#: how the name of a reservation begins; 32 random hex digits follow
RESERVATION_PREFIX = "pulumi-account-reservation-"
#: how long a reservation lives if no PATCH turns it into a key
LEASE = timedelta(hours=1)
#: the age from which no run can be turning a reservation into a key: after a POST in doubt there may be two lists, two
#: deletions and the PATCH, each retried for 90 seconds and waited for half a minute longer
IN_USE = timedelta(minutes=20)

_NAME = re.compile(RESERVATION_PREFIX + "[0-9a-f]{32}")
#: how far a server may round a given limit, in USD, and a given expiry
_ROUNDED, _CUT_OFF = Decimal(1), timedelta(minutes=1)


class Draft(NamedTuple):
    """The content of a POST: the declaration itself, or a reservation for it.

    ``lease``: the duration of which ``expires_at`` is the end; None for an expiry that was declared as an instant.
    """

    name: str
    credit_limit: Decimal | None
    expires_at: datetime | None
    lease: timedelta | None = None

    @classmethod
    def reservation(cls, now: datetime) -> Draft:
        """A new reservation; ``now`` is the present instant by the API's clock."""
        return cls(RESERVATION_PREFIX + secrets.token_hex(16), Decimal(0), now + LEASE, LEASE)

    @property
    def is_reservation(self) -> bool:
        """Whether it is a reservation."""
        return self.name.startswith(RESERVATION_PREFIX)

    def is_half_over(self, now: datetime) -> bool:
        """Whether less than half of the lease remains, because it was counted from a wrong clock."""
        return bool(self.lease and self.expires_at and self.expires_at < now + self.lease / 2)

    def made(self, key: Key) -> bool:
        """Whether this draft can have made the key; the name alone does not prove that."""
        return (
            key.is_enabled
            and key.credit_limit == self.credit_limit
            and same_instant(key.expires_at, self.expires_at)
        )

    def fits(self, key: Key) -> bool:
        """Whether an answer can be about the key of this draft; the server may round the given values."""
        return (
            key.name == self.name
            and _close(key.credit_limit, self.credit_limit, _ROUNDED)
            and _close(key.expires_at, self.expires_at, _CUT_OFF)
        )

    def harm(self) -> str:
        """What a key that this draft left behind can spend, and what the user must do about it."""
        if self.is_reservation and self.expires_at:
            return f"it can spend nothing and expires at {format_instant(self.expires_at)}"
        return "delete it: its plaintext is lost, but it is enabled"


def _close(one: Any, other: Any, most: Any) -> bool:
    """Whether two values differ by at most this, or are both None; 0 equals only 0."""
    if not one or not other:
        return bool(one == other)
    return bool(abs(one - other) <= most)


def is_reservation(key: Key) -> bool:
    """Whether a key is a reservation: it has a name with 128 random bits, credit limit 0, and an expiry."""
    return bool(_NAME.fullmatch(key.name)) and key.credit_limit == 0 and key.expires_at is not None


def find_reservations(client: AccountClient) -> list[Key]:
    """The reservations that a crash left behind, or that another run is turning into keys: GET ``/v1/account/keys``."""
    return [key for key in client.list_keys() if is_reservation(key)]


def remove(client: AccountClient, reservation: Key, *, in_use: timedelta = IN_USE) -> str:
    """Delete a reservation unless a run may be using it: GET and DELETE ``/v1/account/keys/{key_id}``.

    The GET is needed because a run may have just turned the reservation into a key.

    :returns: a few words that say what was done, or why nothing was.
    """
    age = client.now() - reservation.created_at
    if age < in_use:
        return f"kept: made {max(age.total_seconds(), 0) / 60:.0f} minutes ago, so a run may still need it"
    try:
        if not is_reservation(client.get_key(reservation.id)):
            return "kept: it has become a key"
        client.delete_key(reservation.id)
    except NotFoundError:
        return "gone already"
    return "deleted"
