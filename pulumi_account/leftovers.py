"""Reservations that a crash left behind: found, and removed where no run can still make keys of them."""

from __future__ import annotations

from datetime import timedelta

from pulumi_account.client import AccountClient
from pulumi_account.exceptions import NotFoundError
from pulumi_account.models import Key, is_reservation

__all__ = ["IN_USE", "remove"]

#: a younger reservation may be that of a run under way, which is just about to make a key of it: after a POST in doubt
#: there may be two lists, two deletions and the PATCH, each retried for 90 seconds and waited for half a minute longer
IN_USE = timedelta(minutes=20)


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
