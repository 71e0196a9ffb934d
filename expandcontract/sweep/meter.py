"""Rows per second and the time that is left, from totals now and then. Pure: the clock is an argument."""

from collections import deque
from itertools import pairwise
from typing import NamedTuple

#: The rate of rows is that of this many seconds until now.
SPAN_SECONDS = 10.0
#: An estimate looks back further: a window that takes seconds, or a throttle that comes and goes, must not
#: make it jump.
ESTIMATE_SECONDS = 60.0
#: Before this many seconds, or this many moves of the checkpoints, an estimate means nothing.
SETTLED_SECONDS, SETTLED_MOVES = 5.0, 2
#: After this many seconds without a move nobody knows when the work goes on.
STILL_SECONDS = 30.0


class _Sample(NamedTuple):
    at: float
    rows: int
    blocks: int


class Meter:
    """Keeps the totals of the last minute."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def note(self, at: float, rows: int, blocks: int, *, paused: bool = False) -> None:
        """Add the totals of rows and blocks at the time `at` (seconds of a monotonic clock).

        What was before a pause says nothing of what comes after it.
        """
        if paused:
            self._samples.clear()
            return
        self._samples.append(_Sample(at, rows, blocks))
        while len(self._samples) > 2 and self._samples[1].at <= at - ESTIMATE_SECONDS:  # noqa: PLR2004 - a rate needs two
            self._samples.popleft()

    @property
    def rows_per_second(self) -> float:
        """The moving rate of rows; 0 until two totals are known."""
        if not self._samples:
            return 0.0
        last = self._samples[-1]
        first = next((s for s in reversed(self._samples) if s.at <= last.at - SPAN_SECONDS), self._samples[0])
        return _rate(first.at, last.at, last.rows - first.rows)

    def eta_seconds(self, blocks_left: int) -> float | None:
        """Return when the rest will be done at the present rate of blocks; None while that means nothing."""
        if blocks_left == 0:
            return 0.0
        moves = [later.at for earlier, later in pairwise(self._samples) if later.blocks > earlier.blocks]
        if len(moves) < SETTLED_MOVES:
            return None
        first, last = self._samples[0], self._samples[-1]
        rate = _rate(first.at, last.at, last.blocks - first.blocks)
        if rate <= 0 or last.at - first.at < SETTLED_SECONDS or last.at - moves[-1] >= STILL_SECONDS:
            return None
        return blocks_left / rate


def _rate(since: float, until: float, amount: int) -> float:
    return amount / (until - since) if until > since else 0.0
