"""Faults during deployments, and what they leave in the account, the state and the output."""

import pytest

pytest.register_assert_rewrite("tests.faults.bench")
