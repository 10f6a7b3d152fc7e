"""A Prometheus exporter for an account.

It reads the account in the background, and a scrape shows only what is already known. So a scrape never waits for the
API, and any number of scrapes cost no further calls. Usage covers a moving period, so its series are gauges: they fall
when a day leaves the period.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from pulumi_account.api.client import AccountClient
from pulumi_account.common.signals import interrupted_by_signals, sleep
from pulumi_account.metrics.key_labels import KeyLabels
from pulumi_account.metrics.series import Collector
from pulumi_account.metrics.server import Application, Server
from pulumi_account.metrics.sources import Sources
from pulumi_account.spend.attribution import LabelSource

__all__ = ["Exporter", "serve"]


def serve(exporter: Exporter, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve metrics until SIGINT or SIGTERM. Call it in the main thread.

    :param on_ready: called with the URL when the exporter answers.
    :raises ConfigurationError: the address cannot be used, or prometheus-client is missing.
    """
    with suppress(KeyboardInterrupt), interrupted_by_signals(), exporter:
        if on_ready:
            on_ready(exporter.url)
        sleep(math.inf)


class Exporter:
    """Serves metrics of an account at ``url`` while in a ``with`` statement.

    It answers a request only if its ``Host`` is this machine's loopback, the address it listens on (for a wildcard, the
    one that was reached) or one of ``allowed_hosts``; else with 421. So no web page can read the metrics through a
    name of its own that resolves to this machine (DNS rebinding).

    :param client: reads the account; the caller closes it.
    :param host: the address to listen on; by default, only this machine can reach it.
    :param port: 0 takes any free port.
    :param days: the period of the usage, 1 to 30. Limits and the runway always use 30 days.
    :param max_keys: the number of keys with their own series; the others are summed up. Every key that needs
        attention (over or near its limit, about to expire, expired) has its own, even beyond this number; then come
        the most expensive ones.
    :param max_models: the number of models with their own series, the most expensive ones.
    :param allowed_hosts: further names and addresses of this exporter, without ports.
    :param labels: reads the sources of the keys' labels, once a minute. ``pulumi_account_key_info`` then has the labels
        team, environment and owner.
    :param more_labels: further labels of keys that it then has, each as ``label_NAME``.
    :raises ConfigurationError: two of ``more_labels`` would have the same name in Prometheus.
    """

    def __init__(
        self,
        client: AccountClient,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        days: int = 30,
        max_keys: int = 500,
        max_models: int = 100,
        allowed_hosts: Sequence[str] = (),
        labels: Callable[[], Sequence[LabelSource]] | None = None,
        more_labels: Sequence[str] = (),
    ) -> None:
        self.url = ""
        self._address = (host, port)
        self._allowed = {host.lower(), *(name.lower() for name in allowed_hosts)}
        self._sources = Sources(client, days, labels)
        key_labels = KeyLabels(more_labels) if labels else None
        self._collector = Collector(self._sources, client.now, max_keys, max_models, key_labels)

    def __enter__(self) -> Exporter:
        self._server = Server(*self._address, Application(self._collector, self._allowed))
        host = self._address[0]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        if self._sources.labels:
            self._sources.labels.refresh()  # files are quick to read, and no key must look unassigned at first
        self._sources.start()
        return self

    def refresh(self) -> None:
        """Read the account now, in addition to the reads in the background."""
        for source in self._sources:
            source.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sources.stop()
        self._server.shutdown()
        self._server.server_close()
