"""A front end without an engine: the core's steps on plain values, over an emulated account."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pulumi_account.api.client import AccountClient
from pulumi_account.common.instants import utc_now
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.naming import auto_name
from pulumi_account.core.peers import Peers
from pulumi_account.core.resource import Diff, KeyResource, ReadKey
from pulumi_account.core.rotating import RotatingKeyResource
from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY, assert_clean

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["UNKNOWN", "FrontEnd", "RotatingFrontEnd", "RotatingStack"]

Bag = Mapping[str, Any]

#: stands for what a preview does not know yet; a front end may choose anything
UNKNOWN = object()


class FrontEnd:
    """One provider process: it gives up at once instead of retrying. A context manager.

    :param instance: the name of its explicit provider instance.
    :param clock: the machine's clock.
    """

    _kind: type[KeyResource | RotatingKeyResource] = KeyResource

    def __init__(
        self,
        emulator: Emulator,
        instance: str = "",
        peers: Peers | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        self.client = AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0, clock=clock)
        keys = Keys(self.client, abandoned=abandoned)
        self.account = Account(keys, instance, peers, is_unknown=lambda value: value is UNKNOWN, clock=clock)
        self._steps = self._kind(self.account)
        self._handler = _Lines()

    @classmethod
    def beside(cls, other: FrontEnd) -> Self:
        """The steps for this kind of resource in the process of another."""
        one = cls.__new__(cls)
        one._steps = cls._kind(other.account)
        return one

    def __enter__(self) -> Self:
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


class RotatingFrontEnd(FrontEnd):
    """The same for rotating keys."""

    _kind = RotatingKeyResource


class RotatingStack:
    """A stack with one rotating key. Each command runs in a process of its own, as an engine runs it.

    :ivar lines: what the last command has reported.
    """

    def __init__(self, emulator: Emulator, **declared: Any) -> None:
        self._emulator = emulator
        self.inputs: Bag = {}
        self.outputs: Bag = {}
        self.lines: list[str] = []
        if declared:
            assert self.up(**declared) == "create"

    def up(self, *, ignore: Collection[str] = (), **declared: Any) -> str:
        """Deploy the declaration; returns the operation.

        :param ignore: the properties of `ignore_changes`.
        """
        with self.process() as process:
            op, inputs = self._planned(process, declared, ignore, preview=False)
            if op == "create":
                _, self.outputs = process.create(inputs)
            elif op == "update":
                self.outputs = process.update("id", self.outputs, inputs)
            self.inputs = inputs
            return op

    def preview(self, *, ignore: Collection[str] = (), **declared: Any) -> tuple[str, Bag]:
        """The operation that a deployment would carry out, and the known inputs."""
        with self.process() as process:
            return self._planned(process, declared, ignore, preview=True)

    def refresh(self) -> None:
        """Read the key."""
        with self.process() as process:
            found = process.found("id", self.outputs)
            self.outputs, self.inputs = found.outputs, found.inputs

    def destroy(self) -> None:
        """Delete the resource."""
        with self.process() as process:
            process.delete("id", self.outputs)

    def process(self, ahead: timedelta = timedelta(0), **options: Any) -> RotatingFrontEnd:
        """A process whose lines are kept.

        :param ahead: how far the machine's clock runs ahead of the account's.
        """
        account = self._emulator.clock
        process = RotatingFrontEnd(self._emulator, clock=lambda: account.now() + ahead, **options)
        self.lines = process.warnings
        return process

    @property
    def retired(self) -> list[int]:
        """The ids of the retired keys in the state."""
        return [entry["key_id"] for entry in self.outputs["retired"]]

    def _planned(
        self, process: RotatingFrontEnd, declared: Bag, ignore: Collection[str], *, preview: bool
    ) -> tuple[str, Bag]:
        news = dict(declared) | {name: self.inputs[name] for name in ignore if name in self.inputs}
        inputs, failures = process.check(news, self.inputs, preview=preview)
        assert failures == []
        if not self.outputs:
            return "create", inputs
        diff = process.diff("id", self.outputs, inputs)
        assert diff.replaces == []
        return ("update" if diff.changed or diff.silent else "same"), inputs


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
