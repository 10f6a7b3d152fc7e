"""The account that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pulumi_account.api.client import AccountClient
from pulumi_account.api.settings import resolve
from pulumi_account.cli.output import waiting


def open_client() -> AccountClient:
    """A client for the account that ``ACCOUNT_ENDPOINT`` and ``ACCOUNT_PROVISIONING_KEY`` name."""
    return AccountClient.of(resolve({}, os.environ))


@contextmanager
def account() -> Iterator[AccountClient]:
    """Such a client, with a spinner while the API is slow to answer."""
    with open_client() as client, waiting("reading the account"):
        yield client
