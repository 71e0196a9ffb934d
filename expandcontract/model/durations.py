"""Durations in PostgreSQL's units. Pure."""

import re
from datetime import timedelta

from expandcontract.model.errors import BadSetting

#: PostgreSQL's own unit names for time (manual, "Parameter Names and Values"), in seconds.
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def parse_duration(text: str) -> timedelta:
    """Read `250ms`, `5min`, `1.5h`, `0`. Raises BadSetting; a number without a unit is refused, but for 0."""
    match = _DURATION.fullmatch(text)
    if match is None or (match[2] not in UNITS and float(match[1]) != 0):
        raise BadSetting(
            f"{text!r} is not a duration.", why="Write a number and one of us, ms, s, min, h, d: 250ms, 5min."
        )
    return timedelta(seconds=float(match[1]) * UNITS.get(match[2], 0.0))


def milliseconds(duration: timedelta) -> int:
    """Return whole milliseconds, rounded up, so that a tiny timeout does not become 0, which PostgreSQL reads
    as none.
    """
    return -(-int(duration.total_seconds() * 1_000_000) // 1000)


def spell(duration: timedelta) -> str:
    """Return the duration as PostgreSQL would write it: the largest unit that divides it."""
    microseconds = round(duration.total_seconds() * 1_000_000)
    if microseconds == 0:
        return "0"
    for unit in reversed(UNITS):
        size = round(UNITS[unit] * 1_000_000)
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us"
