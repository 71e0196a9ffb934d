"""The throttle `max-rate`: no more rows per second than was asked for. Pure: the clock is an argument."""

from collections import deque

from expandcontract.throttles.reading import Reading

NAME = "max-rate"
#: The rate that is shown is measured over this many seconds.
SPAN_SECONDS = 2.0


class MaxRate:
    """Rows are paid for with a pause after them; a pause of another cause is not made up for in a burst.

    `limit` is in rows per second and may be changed at any time; None lets everything through.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._paid_until = 0.0
        self._written: deque[tuple[float, int]] = deque()

    def note(self, rows: int, at: float) -> None:
        """Say that `rows` were written until `at` (seconds of a monotonic clock)."""
        if self.limit is None or rows == 0:
            return
        self._written.append((at, rows))
        self._paid_until = max(self._paid_until, at) + rows / self.limit

    def pause_seconds(self, at: float) -> float:
        """Return for how long nothing may be written from `at` on."""
        return 0.0 if self.limit is None else max(0.0, self._paid_until - at)

    def reading(self, at: float) -> Reading | None:
        """Return the rate of the last two seconds and more, against the limit; None without a limit."""
        if self.limit is None:
            return None
        while self._written and self._written[0][0] < at - SPAN_SECONDS:
            self._written.popleft()
        rate = sum(rows for _, rows in self._written) / SPAN_SECONDS
        # While it is being paid for, the limit is what holds the work back, whatever the average says.
        value = max(rate, self.limit * 1.001) if self.pause_seconds(at) > 0 else min(rate, self.limit)
        return Reading(NAME, value, self.limit, "rows/s")
