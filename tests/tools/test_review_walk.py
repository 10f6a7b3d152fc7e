"""`docs/review-walk.md`: each change is reviewed, and stopped or not, as the page says."""

from __future__ import annotations

import pytest

from tests.support.environment import unmeasured
from tools import review_walk
from tools.sections import DOCS, content

pytestmark = pytest.mark.timeout(300)

processes = pytest.fixture(scope="module", autouse=True)(unmeasured)


def test_the_reviews_are_those_of_the_page() -> None:
    """The comments are written as the page shows them, and what must be stopped is stopped."""
    assert review_walk.page() == content(DOCS / "review-walk.md", "walk")
