"""Values of options that are neither words nor names: counts, rates, durations. Pure."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from expandcontract.model.durations import parse_duration
from expandcontract.model.errors import UsageError

Word = TypeVar("Word", bound=str)
_RATE = re.compile(r"(\d+(?:\.\d+)?)([kM]?)")
_FACTOR = {"": 1.0, "k": 1e3, "M": 1e6}


def count(option: str, text: str | None) -> int | None:
    """Read a whole number above zero, `5000` or `20k`; None stays None. Raises UsageError."""
    number = rate(option, text)
    if number is None:
        return None
    if number < 1 or number != int(number):
        raise UsageError(f"{option} {text} is not a count.", why="Write a whole number above zero: 500, 20k.")
    return int(number)


def rate(option: str, text: str | None) -> float | None:
    """Read rows per second, `20000` or `20k`; None stays None. Raises UsageError."""
    if text is None:
        return None
    match = _RATE.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise UsageError(f"{option} {text} is not a number above zero.", why="Write 500, 20k, 1.5M.")
    return float(match[1]) * _FACTOR[match[2]]


def choice(option: str, text: str | None, choices: Sequence[Word]) -> Word | None:
    """Read one of some words; None stays None. Raises UsageError."""
    if text is None:
        return None
    for word in choices:
        if text == word:
            return word
    raise UsageError(f"{option} {text} is not valid.", why=f"Write one of {', '.join(choices)}.")


def duration(option: str, text: str | None) -> timedelta | None:
    """Read a duration in PostgreSQL's units; None stays None. Raises UsageError."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", why=error.why) from None
