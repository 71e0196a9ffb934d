"""The throttle `max-rate`: no more rows per second than was asked for. Pure: the clock is an argument."""

from collections import deque

NAME = "max-rate"
#: The rate that is shown is measured over this many seconds.
SPAN_SECONDS = 2.0
#: Who rested for up to this much longer than was asked, as clocks make one do, makes up for it.
MADE_UP_SECONDS = 0.1


class MaxRate:
    """Rows are paid for with time, from when their batch began.

    A pause of another cause is not made up for in a burst. `limit` is in rows per second and may be changed
    at any time; None lets everything through.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._paid_until = 0.0
        self._written: deque[tuple[float, int]] = deque()

    def note(self, rows: int, began: float) -> None:
        """Say that `rows` were written from `began` until now (seconds of a monotonic clock)."""
        if self.limit is None or rows == 0:
            return
        self._written.append((began, rows))
        while self._written[0][0] < began - SPAN_SECONDS:
            self._written.popleft()
        late = began - self._paid_until
        self._paid_until = (began if late > MADE_UP_SECONDS else self._paid_until) + rows / self.limit

    def pause_seconds(self, at: float) -> float:
        """Return for how long nothing may be written from `at` on."""
        return 0.0 if self.limit is None else max(0.0, self._paid_until - at)

    def sentence(self, at: float) -> str | None:
        """Return the rate of the last two seconds beside the limit; None while nothing waits for it.

        It is that until the next batch may begin.
        """
        if self.limit is None or self.pause_seconds(at) <= 0:
            return None
        rate = sum(rows for _, rows in self._written) / (self._paid_until - self._written[0][0])
        return f"{NAME} {rate:,.0f} of {self.limit:,.0f} rows/s"
