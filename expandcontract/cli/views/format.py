"""How views write numbers, times and tables. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import humanize

from expandcontract.model.sizes import UNITS
from expandcontract.model.words import one_line


def count(number: float, noun: str = "", plural: str = "") -> str:
    """Return `1,000 rows`, `1 row`; without a noun the number alone."""
    digits = humanize.intcomma(round(number))
    if not noun:
        return digits
    return f"{digits} {noun}" if round(number) == 1 else f"{digits} {plural or noun + 's'}"


def size(number: int) -> str:
    """Return bytes in the unit in which they are read best: `12 kB`, `1.5 GB`."""
    value, unit = float(number), "B"
    for unit in UNITS:  # noqa: B007 - the last one stays
        if value < 1024:  # noqa: PLR2004 - bytes in the next unit
            break
        value /= 1024
    return f"{value:.1f} {unit}" if value < 10 and unit != "B" else f"{value:,.0f} {unit}"  # noqa: PLR2004


def seconds(value: float) -> str:
    """Return a duration as people say it: `0.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"  # noqa: PLR2004 - one digit is enough from there
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:  # noqa: PLR2004 - two days
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def span(duration: timedelta) -> str:
    """Return a timedelta as people say it."""
    return seconds(max(duration.total_seconds(), 0.0))


def moment(at: datetime) -> str:
    """Return a point in time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rate(rows_per_second: float | None) -> list[str]:
    """Return a rate, where there is one."""
    return [] if rows_per_second is None else [f"{count(rows_per_second)} rows/s"]


def alone(since: datetime | None) -> list[str]:
    """Return that nobody works on something, where nobody does."""
    return [] if since is None else [f"nobody works on it since {moment(since)}"]


def percent(ratio: float) -> str:
    """Return a ratio as whole percent, rounded down: 100 % means all."""
    return f"{int(ratio * 100)} %"


def held(reason: str) -> str:
    """Return what holds the work back, as a sentence's end: a throttle by its reading, or who paused it."""
    return reason if reason.startswith("paused") else f"throttled by {reason}"


def build_phase(phase: str, done: int, total: int, unit: str, waits_for: str | None) -> str:
    """Return how far the phase is in which an index is built, and for whom the build waits."""
    if unit == "lockers":
        left = f", {count(total - done)} of {count(total)} left" if total else ""
        return f"{phase}{left}{f': {waits_for}' if waits_for else ''}"
    return f"{phase}, {percent(done / total)} ({count(done)} of {count(total)} {unit})" if total else phase


def table(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Align rows in columns, two blanks apart; the last column is free. A row is one line, whatever it
    holds.
    """
    if not rows:
        return []
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows if len(row) > i) for i in range(max(map(len, rows)))]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] for row in rows)
    return [(indent + "  ".join(cells)).rstrip() for cells in padded]
