"""Rows per second and the time that is left, from totals now and then. Pure: the clock is an argument."""

from collections import deque

#: The rate is that of the last so many seconds.
SPAN_SECONDS = 10.0
#: Before so many seconds an estimate of the time left means nothing.
SETTLED_SECONDS = 3.0


class Meter:
    """Keeps the totals of the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def note(self, at: float, rows: int, blocks: int) -> None:
        """Add the totals of rows and blocks at the time `at` (seconds of a monotonic clock)."""
        self._samples.append((at, rows, blocks))
        while len(self._samples) > 2 and self._samples[1][0] <= at - SPAN_SECONDS:  # noqa: PLR2004 - a rate needs two
            self._samples.popleft()

    @property
    def rows_per_second(self) -> float:
        """The moving rate of rows; 0 until two totals are known."""
        return self._rate(1)

    def eta_seconds(self, blocks_left: int) -> float | None:
        """Return when the rest will be done at the present rate of blocks; None while that means nothing."""
        if blocks_left == 0:
            return 0.0
        rate = self._rate(2)
        if rate <= 0 or self._samples[-1][0] - self._samples[0][0] < SETTLED_SECONDS:
            return None
        return blocks_left / rate

    def _rate(self, field: int) -> float:
        if len(self._samples) < 2:  # noqa: PLR2004 - a rate needs two
            return 0.0
        seconds = self._samples[-1][0] - self._samples[0][0]
        return (self._samples[-1][field] - self._samples[0][field]) / seconds if seconds > 0 else 0.0
