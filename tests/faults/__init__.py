"""What goes wrong around a deployment, and what is left in the account, the state and the output then."""

import pytest

pytest.register_assert_rewrite("tests.faults.bench")
