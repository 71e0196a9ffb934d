"""Combines readings into what the workers of a process do: go on, wait, or take a smaller share of the time.

Pure: readings and the time are arguments, so that hours of signals are simulated in a moment. Lag and disk
are budgets: work stops when one is exceeded. Load is a gauge: it is steered by, halved at once and restored
slowly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Self

from expandcontract.throttles.reading import Reading, ReadingKind, tightest

#: No reading is relied on for longer; who is held back asks again sooner.
REREAD_SECONDS, HELD_REREAD_SECONDS = 1.5, 0.2
#: The share of the time that is worked is moved once in this many seconds. Below EASY the load leaves room
#: for more; RAISE times EASY is under 1, so that raising the share is no reason to halve it.
STEP_SECONDS, RAISE, EASY = 1.0, 1.25, 0.7
LEAST_SHARE = 1 / 16
#: A batch shrinks with the share, but not beyond this: small transactions are no less work.
LEAST_BATCH = 0.25


@dataclass(frozen=True)
class Decision:
    """What a worker does before its next batch. `reason` says why it is held back or slowed.

    `because_stuck`: it may write one batch although something holds it back, since that lasts for this long.
    """

    wait: bool
    reason: str | None = None
    because_stuck: bool = False


@dataclass(frozen=True)
class Controller:
    """What is known of the signals. Each call returns the controller as it is afterwards.

    `max_wait_seconds` is how long a budget, or a signal that cannot be read, may hold everything back before
    one batch is written all the same; None is for ever. `share` is the part of the time that is worked.
    """

    max_wait_seconds: float | None = 60.0
    readings: tuple[Reading, ...] = ()
    read_at: float = -inf
    share: float = 1.0
    stepped_at: float = -inf
    held_since: float | None = None

    def read(self, readings: Sequence[Reading], at: float) -> Self:
        """Take new readings; `at` is when they were begun to be read (seconds of a monotonic clock)."""
        held = any(reading.holds_back for reading in readings)
        since = (at if self.held_since is None else self.held_since) if held else None
        share, stepped_at = self.share, self.stepped_at
        if at - stepped_at >= STEP_SECONDS:
            share, stepped_at = _stepped(share, readings), at
        return replace(
            self, readings=tuple(readings), read_at=at, held_since=since, share=share, stepped_at=stepped_at
        )

    def is_stale(self, at: float) -> bool:
        """Whether the signals have to be read again before the next batch."""
        fresh = min((reading.fresh_seconds for reading in self.readings), default=inf)
        longest = REREAD_SECONDS if self.held_since is None else HELD_REREAD_SECONDS
        return at - self.read_at > min(fresh, longest)

    def ask(self, at: float) -> tuple[Self, Decision]:
        """Say whether a batch may be written now."""
        stop = tightest(reading for reading in self.readings if reading.holds_back)
        if stop is None or self.held_since is None:
            slow = tightest(reading for reading in self.readings if reading.kind == ReadingKind.GAUGE)
            reason = slow.sentence if slow is not None and self.share < 1 else None
            return self, Decision(wait=False, reason=reason)
        if not self._waited_enough(at):
            return self, Decision(wait=True, reason=stop.sentence)
        # The wait begins anew: the batch after this one waits as long.
        return replace(self, held_since=at), Decision(wait=False, reason=stop.sentence, because_stuck=True)

    def _waited_enough(self, at: float) -> bool:
        if self.max_wait_seconds is None or self.held_since is None:
            return False
        closed = any(reading.holds_back and reading.kind == ReadingKind.CALENDAR for reading in self.readings)
        return not closed and at - self.held_since >= self.max_wait_seconds

    @property
    def batch_share(self) -> float:
        """The part of a full batch that is written at once."""
        return max(LEAST_BATCH, self.share)

    def pause_seconds(self, batch_seconds: float) -> float:
        """Return for how long to rest after a batch that took this long, so that the share is kept."""
        return batch_seconds * (1 / self.share - 1)


def _stepped(share: float, readings: Sequence[Reading]) -> float:
    """Halve the share where a gauge is over its threshold, raise it where all leave room."""
    used = max(
        (reading.utilization for reading in readings if reading.kind == ReadingKind.GAUGE), default=0.0
    )
    if used > 1:
        return max(LEAST_SHARE, share / 2)
    return min(1.0, share * RAISE) if used < EASY else share
