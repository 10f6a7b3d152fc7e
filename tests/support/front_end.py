"""A front end without an engine: the core's steps on plain values, over an emulated account."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pulumi_account.api.client import AccountClient
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.naming import auto_name
from pulumi_account.core.peers import Peers
from pulumi_account.core.resource import Diff, KeyResource, ReadKey
from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY, assert_clean

__all__ = ["UNKNOWN", "FrontEnd"]

Bag = Mapping[str, Any]

#: stands for what a preview does not know yet; a front end may choose anything
UNKNOWN = object()


class FrontEnd:
    """One provider process: it gives up at once instead of retrying. A context manager.

    :param instance: the name of its explicit provider instance.
    """

    def __init__(self, emulator: Emulator, instance: str = "", peers: Peers | None = None) -> None:
        self.client = AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0)
        self._steps = KeyResource(
            Account(Keys(self.client), instance, peers, is_unknown=lambda value: value is UNKNOWN)
        )
        self._handler = _Lines()

    def __enter__(self) -> FrontEnd:
        logging.getLogger("pulumi_account").addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("pulumi_account").removeHandler(self._handler)
        self.client.close()
        assert_clean(self.warnings)

    @property
    def warnings(self) -> list[str]:
        """What it has reported so far."""
        return self._handler.lines

    def check(self, news: Bag, olds: Bag | None = None, *, preview: bool = False) -> tuple[Bag, list[str]]:
        """The normalized inputs, and the failures' sentences."""
        draw = (lambda _: UNKNOWN) if preview else auto_name
        checked = self._steps.check(olds or {}, news, preview=preview, draw=draw)
        assert_clean(checked.failures)
        return checked.inputs, list(checked.failures)

    def diff(self, key_id: str, olds: Bag, news: Bag) -> Diff:
        """What changes."""
        return self._steps.diff(key_id, olds, news)

    def create(self, props: Bag) -> tuple[str, Bag]:
        """The new id and the outputs."""
        created = self._steps.create(props)
        return created.id, created.outputs

    def read(self, key_id: str, state: Bag | None = None) -> ReadKey | None:
        """The key as it is now."""
        return self._steps.read(key_id, state or {})

    def found(self, key_id: str, state: Bag | None = None) -> ReadKey:
        """The key, which is there."""
        found = self.read(key_id, state)
        assert found is not None
        return found

    def update(self, key_id: str, olds: Bag, news: Bag) -> Bag:
        """The new outputs."""
        return self._steps.update(key_id, olds, news)

    def delete(self, key_id: str, props: Bag) -> None:
        """Delete."""
        self._steps.delete(key_id, props)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
