"""Reservations that a crash left behind: found, and removed where no run can still make keys of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pulumi_account.exceptions import NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Key

__all__ = ["IN_USE", "LEASE", "RESERVATION_PREFIX", "find_reservations", "is_reservation", "remove"]

#: how the name of a reservation begins; 32 random hex digits follow
RESERVATION_PREFIX = "pulumi-account-reservation-"
#: how long a reservation lives when nothing turns it into a key
LEASE = timedelta(hours=1)


#: a younger reservation may be that of a run under way, which is just about to make a key of it: after a POST in doubt
#: there may be two lists, two deletions and the PATCH, each retried for 90 seconds and waited for half a minute longer
IN_USE = timedelta(minutes=20)


_RESERVATION = re.compile(RESERVATION_PREFIX + "[0-9a-f]{32}")


def is_reservation(key: Key) -> bool:
    """Whether a key is a reservation for one: a name that nobody gives by chance, credit limit 0, and an expiry."""
    return bool(_RESERVATION.fullmatch(key.name)) and key.credit_limit == 0 and key.expires_at is not None


def find_reservations(client: AccountClient) -> list[Key]:
    """The reservations that a crash left behind, or that another run is turning into keys: GET ``/v1/account/keys``."""
    return [key for key in client.list_keys() if is_reservation(key)]


def remove(client: AccountClient, reservation: Key, *, in_use: timedelta = IN_USE) -> str:
    """Delete a reservation, unless a run may be using it; says in a few words what was done, or why not.

    It is looked at once more: what was a reservation a moment ago may be a key in use by now.
    """
    age = client.now() - reservation.created_at
    if age < in_use:
        return (
            f"kept: made {max(age.total_seconds(), 0) / 60:.0f} minutes ago, a run may be making a key of it"
        )
    try:
        if not is_reservation(client.get_key(reservation.id)):
            return "kept: it has become a key"
        client.delete_key(reservation.id)
    except NotFoundError:
        return "gone already"
    return "deleted"
