"""How much the next transaction does, from how long the last ones took. Pure."""

from dataclasses import dataclass, replace
from typing import Self

#: How much a new measurement weighs in the moving average.
WEIGHT = 0.3
#: No step from one batch to the next is larger than this, and nothing counts for more than this many times
#: the average: a transaction during which the server had to wait for a core says little of the next one.
GROWTH = 2.0


@dataclass(frozen=True)
class Pace:
    """A batch of this many units (rows or blocks), chosen so that a transaction takes `target_seconds`.

    `floor` and `ceiling` bound what it chooses by itself. A transaction that was too slow for its timeout
    halves the batch, and the floor with it if it must. A fixed pace keeps to `ceiling` and only ever leaves
    it after such a timeout.
    """

    batch: int
    floor: int
    ceiling: int
    target_seconds: float
    seconds_per_unit: float | None = None
    fixed: bool = False

    @classmethod
    def adaptive(cls, start: int, floor: int, ceiling: int, target_seconds: float) -> Self:
        """Start with `start` units and adapt within the bounds."""
        return cls(start, floor, ceiling, target_seconds)

    @classmethod
    def steady(cls, batch: int) -> Self:
        """Keep to `batch` units."""
        return cls(batch, batch, batch, 0.0, fixed=True)

    @property
    def exhausted(self) -> bool:
        """Whether it cannot be halved any more."""
        return self.batch == 1

    def after(self, units: int, seconds: float) -> Self:
        """Return the pace after a transaction that did `units` in `seconds`.

        One that found much less to do than it might have says nothing about a full one, unless it was slow
        all the same.
        """
        if self.fixed:
            return replace(self, batch=min(self.ceiling, round(self.batch * GROWTH)))
        if units < 1 or (units < self.batch / 2 and seconds <= self.target_seconds):
            return self
        average = self._average(seconds / units)
        wished = self.target_seconds / average if average > 0 else float(self.ceiling)
        bounded = min(max(wished, self.batch / GROWTH), self.batch * GROWTH)
        batch = min(max(round(bounded), self.floor), self.ceiling)
        return replace(self, batch=batch, seconds_per_unit=average)

    def halved(self, units: int | None = None) -> Self:
        """Return the pace after a transaction of about `units` that ran into its timeout."""
        batch = max(1, min(self.batch, units or self.batch) // 2)
        # So slow that this batch is the right one; more often halved than it can be, it is no slower.
        slower = (
            None if self.seconds_per_unit is None else max(self.seconds_per_unit, self.target_seconds / batch)
        )
        return replace(self, batch=batch, floor=min(self.floor, batch), seconds_per_unit=slower)

    def _average(self, measured: float) -> float:
        if self.seconds_per_unit is None:
            return measured
        counted = min(measured, GROWTH * self.seconds_per_unit)
        return self.seconds_per_unit + WEIGHT * (counted - self.seconds_per_unit)
