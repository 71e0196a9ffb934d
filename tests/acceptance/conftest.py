"""What the tests of whole cycles share."""

import pytest

# A check that fails inside the harness shows both sides, as one in a test does.
pytest.register_assert_rewrite("tests.acceptance.cases", "tests.acceptance.script")
