"""The pages of errors name no number that the code has: it would be said twice, and differ one day."""

import inspect
import re

import pytest

from expandcontract.model.errors import every_error

#: What somebody would count or wait by; an exit code, an option and a version are named as they are.
NUMBER = re.compile(
    r"(?i)\b(\d+|quarter|half|twice|three|ten|dozen|hundred)\b (of an?|\w*seconds?|s|ms|minutes?|times)\b"
)


@pytest.mark.parametrize("code", every_error())
def test_no_page_counts_for_itself(code: str) -> None:
    """How long something was waited for, or how often, the message says, which has it from the constant."""
    assert NUMBER.search(inspect.getdoc(every_error()[code]) or "") is None
