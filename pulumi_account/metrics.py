"""A Prometheus exporter for an account. Needs `pulumi_account[metrics]`."""

from __future__ import annotations

from collections.abc import Callable

from pulumi_account.client import AccountClient

__all__ = ["DEFAULT_PORT", "serve"]

DEFAULT_PORT = 9877


def serve(
    client: AccountClient,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    days: int = 30,
    max_keys: int = 500,
    max_models: int = 100,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve metrics until SIGINT or SIGTERM; to be called in the main thread.

    :param client: asks the account; the caller closes it.
    :param host: where to listen; by default for this machine only.
    :param port: 0 takes any free one.
    :param days: the activity's period, 1 to 30.
    :param max_keys: so many keys have series of their own, the most expensive ones; the others are summed up.
    :param max_models: the same for models.
    :param on_ready: is told the URL once it answers.
    :raises ConfigurationError: the address cannot be used, or prometheus-client is missing.
    """
    raise NotImplementedError
