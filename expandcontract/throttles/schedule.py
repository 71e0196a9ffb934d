"""The throttle `schedule`: the copy works in windows of the week only. Pure: the time is an argument."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from expandcontract.model.errors import BadSetting
from expandcontract.throttles.reading import Reading, ReadingKind

NAME = "schedule"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK = 7
_DAY = "|".join(DAYS)
_WINDOW = re.compile(
    rf"(?:(?P<days>(?:{_DAY})(?:[-,](?:{_DAY}))*)\s+)?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?:\s+(?P<zone>\S+))?"
)


@dataclass(frozen=True)
class WeeklyWindow:
    """From `begin` to `end` on the days on which it begins; past midnight when `end` is not later."""

    days: frozenset[int]
    begin: time
    end: time
    zone: ZoneInfo

    def opening(self, day: date) -> tuple[datetime, datetime]:
        """Return the moments between which it is open when it begins on `day`."""
        last = day if self.end > self.begin else day + timedelta(days=1)
        begin = datetime.combine(day, self.begin, self.zone)
        return begin.astimezone(UTC), datetime.combine(last, self.end, self.zone).astimezone(UTC)

    def next_opening(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the opening that `now` is in, or else the next."""
        today = now.astimezone(self.zone).date()
        around = (today + timedelta(days=number) for number in range(-1, WEEK + 1))
        openings = (self.opening(day) for day in around if day.weekday() in self.days)
        return next(found for found in openings if found[1] > now)


def parse(text: str) -> tuple[WeeklyWindow, ...]:
    """Read windows with a semicolon between them: `Mon-Fri 22:00-06:00 Europe/Berlin; Sat,Sun 00:00-00:00`.

    Without days they are open on all of them; without a time zone they are in UTC. Raises BadSetting.
    """
    return tuple(_window(part.strip()) for part in text.split(";") if part.strip())


def reading(windows: tuple[WeeklyWindow, ...], now: datetime) -> Reading | None:
    """Return what is said outside of all windows; None inside of one, and without any."""
    if not windows:
        return None
    opening, window = min(
        ((window.next_opening(now), window) for window in windows), key=lambda found: found[0]
    )
    if opening[0] <= now:
        return None
    opens = f"{opening[0].astimezone(window.zone):%a %H:%M} {window.zone.key}"
    return Reading(NAME, 1.0, 0.0, kind=ReadingKind.CALENDAR, words=f"is closed until {opens}")


def _window(text: str) -> WeeklyWindow:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise _unreadable(text)
    try:
        begin, end = (time.fromisoformat(match[name].replace("24:00", "00:00")) for name in ("begin", "end"))
        zone = ZoneInfo(match["zone"] or "UTC")
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _unreadable(text, str(error).strip("'\"")) from error
    return WeeklyWindow(_days(match["days"]), begin, end, zone)


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(WEEK))
    found: set[int] = set()
    for part in text.split(","):
        ends = [DAYS.index(day) for day in part.split("-")]
        found.update(ends[:1])
        for first, last in pairwise(ends):
            found.update((first + step) % WEEK for step in range((last - first) % WEEK + 1))
    return frozenset(found)


def _unreadable(text: str, why: str = "") -> BadSetting:
    example = "Write windows like Mon-Fri 22:00-06:00 Europe/Berlin, with a semicolon between two."
    return BadSetting(f"{text!r} is no window of the week.", why=f"{why}. {example}" if why else example)
