"""`docs/walk.md`: three simulated months go as the page says."""

from __future__ import annotations

import pytest

from tests.support.environment import unmeasured
from tools import walk
from tools.sections import DOCS, content

pytestmark = pytest.mark.timeout(300)

processes = pytest.fixture(scope="module", autouse=True)(unmeasured)


def test_the_walk_goes_as_the_page_says() -> None:
    """Every step does what the transcript shows, and no consumer is left without a working key."""
    assert walk.transcript().strip() == content(DOCS / "walk.md", "walk")
