"""What a throttle says: a reading, its threshold, how much of that is used up, and all of it in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

#: Of a budget: beyond it no reading is relied on for more than a batch.
HALF = 0.5


class ReadingKind(StrEnum):
    """What a reading over its threshold means."""

    #: Lag, disk, somebody who waits: nothing is written until there is room again.
    BUDGET = "budget"
    #: Load: the work takes a smaller share of the time, and never ends altogether.
    GAUGE = "gauge"
    #: Others are at work: the work takes less at once, and rests where it is felt.
    COURTESY = "courtesy"
    #: A calendar, which cannot be stuck: it is waited for, however long it takes.
    CALENDAR = "calendar"
    #: Worth a line, no more.
    NOTICE = "notice"


@dataclass(frozen=True)
class Reading:
    """One signal, read now. The work slows down when `value` is over `threshold`; both are in `unit`.

    `subject` is what was measured, such as a standby. `growth` is by how much the value may rise in a second,
    at worst: it says for how long the reading can be relied on. `words` stand for the numbers where these
    mean nothing. A signal that could not be read has an `error`; it stops the work unless it is `optional`.
    """

    throttle: str
    value: float
    threshold: float
    unit: str = ""
    kind: ReadingKind = ReadingKind.BUDGET
    subject: str = ""
    growth: float = 0.0
    words: str = ""
    error: str = ""
    optional: bool = False

    @classmethod
    def unreadable(cls, throttle: str, error: str, *, optional: bool = False, subject: str = "") -> "Reading":
        """Return what stands for a signal that could not be read."""
        return cls(throttle, 0.0, 0.0, error=error, optional=optional, subject=subject)

    @property
    def utilization(self) -> float:
        """How much of the threshold is used up: 1.0 is all of it, and an unreadable signal more than that."""
        if self.error:
            return 0.0 if self.optional else inf
        if self.threshold > 0:
            return self.value / self.threshold
        return inf if self.value > 0 else 0.0

    @property
    def over(self) -> bool:
        """Whether more than the threshold is used up."""
        return self.utilization > 1.0

    @property
    def holds_back(self) -> bool:
        """Whether the work has to wait."""
        return self.over and (bool(self.error) or self.kind in (ReadingKind.BUDGET, ReadingKind.CALENDAR))

    @property
    def fresh_seconds(self) -> float:
        """For how long the value is under the threshold, whatever happens meanwhile.

        When over half is used up, no estimate is good enough: it is read again before every batch.
        """
        if self.kind != ReadingKind.BUDGET or self.growth <= 0:
            return inf
        if self.utilization > HALF:
            return 0.0
        return max(0.0, (self.threshold - self.value) / self.growth)

    @property
    def sentence(self) -> str:
        """The reading in words, such as `replica-lag 2.5 s > 2 s (standby-1)`."""
        who = f" ({self.subject})" if self.subject else ""
        if self.error:
            return f"{self.throttle} cannot be read{who}: {self.error}"
        if self.words:
            return f"{self.throttle} {self.words}{who}"
        sign = ">" if self.over else "<="
        value, threshold = _amount(self.value, self.unit), _amount(self.threshold, self.unit)
        return f"{self.throttle} {value} {sign} {threshold}{who}"


def tightest(readings: Iterable[Reading]) -> Reading | None:
    """Return the reading that is used up most, or None without any."""
    return max(readings, key=lambda reading: reading.utilization, default=None)


def _amount(value: float, unit: str) -> str:
    number = round(value, 2 if abs(value) < 10 else 1)  # noqa: PLR2004 - two digits of what is small
    return f"{number:.15g} {unit}".rstrip()
