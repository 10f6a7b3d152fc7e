"""The page about dashboards lists what the exporter serves."""

from __future__ import annotations

import os

import pytest

from tools.sections import content
from tools.series import PAGE, series


@pytest.mark.skipif(os.environ.get("PULUMI_ACCOUNT_LOWEST") == "1", reason="older versions may serve more")
def test_the_series_are_up_to_date() -> None:
    """The table is written by `make reference`."""
    assert content(PAGE, "series") == series()
