"""How fast the server writes WAL, and when it wrote what: from positions seen now and then.

Pure: the clock is an argument.
"""

from collections import deque
from math import inf

#: The rate is that of the last seconds.
SPAN_SECONDS = 2.0
#: Two positions closer than this say nothing about a rate.
SHORTEST_SECONDS = 0.05
#: No more positions than this are kept, for as long as a standby may be behind.
MOST = 2_000
#: Half as fast again, because the next second may bring more than any before.
SAFETY = 1.5
#: In bytes a second: so fast may WAL be written next, however slowly it was until now. One backend that
#: copies rows writes 150 MB in a second.
LEAST_GROWTH = 256.0 * 1024 * 1024


class Wal:
    """The positions of the primary, in bytes from the beginning of its WAL, in the order of time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._peak: float | None = None

    def note(self, at: float, position: int) -> None:
        """Add the position at the time `at` (seconds of a monotonic clock)."""
        if self._seen:
            last, before = self._seen[-1]
            if at - last < SHORTEST_SECONDS:
                return
            self._peak = max(self._peak or 0.0, (position - before) / (at - last))
        self._seen.append((at, position))
        if len(self._seen) > MOST:
            # Every second one is enough: what is long ago need not be known to the second.
            self._seen = deque(pair for number, pair in enumerate(self._seen) if number % 2 == 0)

    def rate(self, at: float) -> float | None:
        """Return bytes per second of the last seconds; None until that means something."""
        early = [pair for pair in self._seen if pair[0] >= at - SPAN_SECONDS]
        if len(early) < 2 or early[-1][0] - early[0][0] < SPAN_SECONDS / 4:  # noqa: PLR2004 - a rate needs two
            return None
        return (early[-1][1] - early[0][1]) / (early[-1][0] - early[0][0])

    @property
    def growth(self) -> float:
        """Bytes per second that must be reckoned with.

        The peak is not forgotten: after a pause of ours everything is as fast as it was before. Until it was
        seen to move there is none, and no reading can be relied on: the first batches are the fastest.
        """
        if not self._peak:
            return inf
        return max(LEAST_GROWTH, SAFETY * (self._peak or 0.0))

    def behind_seconds(self, position: int, at: float) -> float:
        """Return for how long the primary has been beyond `position`, as far as was seen."""
        passed = next((moment for moment, seen in self._seen if seen > position), at)
        return max(0.0, at - passed)
