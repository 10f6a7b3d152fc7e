"""What the steps for every resource of one account share: its keys, who holds which, and the provider instance."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pulumi_account.common.instants import format_instant, read_instant, same_instant, utc_now
from pulumi_account.core.adoption import Adoptions
from pulumi_account.core.delete_guard import DeleteGuard
from pulumi_account.core.keys import Keys
from pulumi_account.core.properties import FORMER_INSTANCE_ID, INSTANCE, INSTANCE_ID, Bag, KnownKey
from pulumi_account.core.rules import delete_guard
from pulumi_account.exceptions import ConfigurationError, InvalidInputError, KeyInUseError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key
    from pulumi_account.core.peers import Peers

__all__ = ["Account", "require_same_key"]

_log = logging.getLogger(__name__)


class Account:
    """One account in one provider process; safe for any number of threads.

    :param keys: the account's keys.
    :param instance: the name of the explicit provider instance; empty for the default one.
    :param peers: the other provider processes of this run.
    :param guard: refuses the deletion of keys in use; by default one that asks for the account's activity.
    :param is_unknown: returns whether a value stands for one that a preview does not know yet.
    :param clock: the present instant by this machine's clock.
    """

    def __init__(
        self,
        keys: Keys,
        instance: str = "",
        peers: Peers | None = None,
        *,
        guard: DeleteGuard | None = None,
        is_unknown: Callable[[object], bool] = lambda _: False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.keys = keys
        self.adoptions = Adoptions(peers)
        self.instance = {INSTANCE: instance} if instance else {}
        self.is_unknown = is_unknown
        self.clock = clock
        self._guard = guard or DeleteGuard(keys.activity)

    def instance_ids(self, olds: Bag, news: Bag) -> dict[str, Any]:
        """The id of the provider instance, and that of the former instance if it was another.

        A program passes the id of an explicit instance even if a transform has removed the instance.
        """
        if not self.instance:
            return {}
        former, present = olds.get(INSTANCE_ID), news.get(INSTANCE_ID)
        ids = {INSTANCE_ID: present, FORMER_INSTANCE_ID: None if former == present else former}
        return {name: value for name, value in ids.items() if value is not None}

    def has_moved(self, key_id: int, olds: Bag, news: Bag) -> bool:
        """Whether the key is in another account than this one.

        An instance with another name or id may still use the same account, and an SDK may have dropped the output
        that named it: only a call to the account can decide.
        """
        former, present = news.get(FORMER_INSTANCE_ID, olds.get(INSTANCE_ID)), news.get(INSTANCE_ID)
        same_id = None in (former, present) or former == present  # an unknown id equals no other
        if self.made(olds) and same_id and not self.is_unknown(present):
            return False
        key, created_at = self.keys.read(key_id), read_instant(olds.get("created_at"))
        return key is None or not same_instant(key.created_at, created_at or key.created_at)

    def made(self, state: Bag) -> bool:
        """Whether a provider instance with this name made the resource."""
        return bool(state.get(INSTANCE, "") == self.instance.get(INSTANCE, ""))

    def may_be_gone(self, key_id: int, state: Bag) -> None:
        """Return if a key that the account does not have can be gone.

        :raises ConfigurationError: another provider made it, and its account may have it.
        """
        if not self.made(state):
            raise ConfigurationError(
                f"the account has no key {key_id}, but another provider made the key, and its account may have it: "
                "run `pulumi up`, which asks, or `pulumi state delete` if the key is gone"
            )

    def delete(self, keys: Iterable[tuple[int, str]], outputs: Bag) -> None:
        """Delete the keys of a resource, given by id and name, except those that another resource keeps.

        :raises KeyInUseError: the ``delete_guard`` does not allow it; then none is deleted.
        """
        mine = []
        for key_id, name in keys:
            if self.adoptions.may_delete(key_id, outputs):
                mine.append((key_id, name))
            else:
                _log.warning("key %d is kept: adopt_key_id gave it to another resource of this stack", key_id)
        for key_id, name in mine:
            self._require_unused(key_id, name, outputs.get("delete_guard"))
        for key_id, _ in mine:
            self.keys.delete(key_id)

    def _require_unused(self, key_id: int, name: str, declared: object) -> None:
        if declared is None:
            return
        try:
            guard = delete_guard(declared)
        except ValueError as error:
            raise InvalidInputError([f"delete_guard {error}"]) from None
        try:
            self._guard.require_unused(key_id, name, guard)
        except KeyInUseError:
            if self.keys.read(key_id) is not None:  # else it was deleted elsewhere
                raise


def require_same_key(key: Key | KnownKey, created_at: datetime | None, what_was_done: str = "") -> None:
    """Refuse the key of another account: ids are small numbers, so accounts share them.

    :raises ConfigurationError: it was made at another instant than the key in the state.
    """
    if key.created_at and created_at and not same_instant(key.created_at, created_at):
        raise ConfigurationError(
            f"key {key.id} was made at {format_instant(key.created_at)}, but the one in the state at "
            f"{format_instant(created_at)}: the endpoint or the provisioning key is that of another account"
            f"{what_was_done}"
        )
