"""How long the rests between batches are beside others who are at work: as long as they are felt. Pure.

What others feel of us, we feel of them: where every core is taken, or the memory, the locks or the disk are
busy, they wait for us and we wait for them. Of our own batches we know how long they take when nobody is in
the way, so what they take more is a measure that needs no statement of its own, and works from another host.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

#: How many times as long as its batch a rest is at most, and before anything is known.
LONGEST, AT_FIRST = 8.0, 1.0
#: For each transaction that others have open at once it is at least this. Statements that are over in a
#: moment wait for a batch on their core, which hardly waits for them: that is felt by them alone.
PER_TRANSACTION = 1.0
#: A sample of how many are open counts for this much of the average, the first ones for more: it is that of
#: about the last ten seconds.
WEIGHT = 1 / 8
#: Up to how many times its undisturbed duration a batch may take unfelt, and from how many on rests are the
#: longest. Undisturbed ones differ by up to 1.17, on tables of any shape.
UNFELT, FELT = 1.25, 1.8
#: A smaller ratio is told as none.
NEARLY_NONE = 0.05
#: Rests grow at once with what is felt, and shrink by no more than this in a second: load comes and goes.
SHRINK_PER_SECOND = 4.0
#: The batches of the last second are looked at, more where they are fewer than this, and none that is older
#: than the last seconds. Now and then: when there are a few new ones.
LOOKED_AT, SECONDS, LAST_SECONDS, FEW = 100, 1.0, 10.0, 20
#: Batches with a smaller share of the rows than the large ones cost more a row.
LARGE = 0.6
#: Up to this many times the usual duration is no wait: rows differ, and so do pages. More than so many times
#: does not count: a hiccup is no load.
USUAL, HICCUP = 1.5, 5.0
#: A client that is further away than this, there and back, learns from the server's clock alone: the network
#: is nobody's work, and would hide what is.
NEAR_SECONDS = 0.002
#: A longer batch loses its core now and then on any busy machine: none is undisturbed, and they say nothing.
TELLING_SECONDS = 0.006


@dataclass(frozen=True)
class Batch:
    """A batch: when it ended (seconds of a monotonic clock), how many rows it wrote, how long it took as the
    client and as the server saw it.
    """

    at: float
    rows: int
    seconds: float
    server_seconds: float


class Rests:
    """Keeps the last batches, and what follows from them."""

    def __init__(self) -> None:
        self.felt = AT_FIRST
        self._open, self._seen = 1.0, 0
        self.stretch: float | None = 1.0
        self._near = True
        self._batches: deque[Batch] = deque()
        self._fresh = 0
        self._changed_at: float | None = None

    @property
    def ratio(self) -> float:
        """How many times as long as its batch a rest is."""
        return max(self.felt, self._least)

    @property
    def _least(self) -> float:
        return min(LONGEST, PER_TRANSACTION * self._open)

    @property
    def words(self) -> str:
        """What is done, and why."""
        if self.ratio < NEARLY_NONE:
            return "nothing is felt: short batches, no rests"
        if self._least > self.felt:
            return f"{self._open:.1f} transactions at once: rests {self.ratio:.1f}x"
        if self.stretch is None:
            return f"batches are too long to tell what is felt: rests {self.ratio:.1f}x"
        return f"batches take {self.stretch:.1f}x as long: rests {self.ratio:.1f}x"

    def saw(self, transactions: int) -> None:
        """Add a sample of how many transactions others have open; one is due about once a second."""
        self._seen += 1
        self._open += max(WEIGHT, 1 / self._seen) * (transactions - self._open)

    def note(self, batch: Batch) -> None:
        """Add a batch; now and then take a new measure of all."""
        self._batches.append(batch)
        self._fresh += 1
        if self._fresh < FEW:
            return
        self._fresh = 0
        while self._is_old(self._batches[0], batch.at):
            self._batches.popleft()
        measured = measure(self._batches)
        if measured is not None:
            self.stretch, self._near = measured
            self._change(batch.at)

    def seconds_after(self, seconds: float, server_seconds: float | None = None) -> float:
        """Return how long to rest after what took so long; the way of a client far away is rest already."""
        away = 0.0 if self._near or server_seconds is None else max(0.0, seconds - server_seconds)
        return max(0.0, self.ratio * (seconds - away) - away)

    def _is_old(self, batch: Batch, now: float) -> bool:
        age = now - batch.at
        return age > LAST_SECONDS or (age > SECONDS and len(self._batches) > LOOKED_AT)

    def _change(self, at: float) -> None:
        since = 0.0 if self._changed_at is None else at - self._changed_at
        self._changed_at = at
        self.felt = max(wished(self.stretch), self.felt - SHRINK_PER_SECOND * since)


def wished(stretch: float | None) -> float:
    """Return how many times as long as a batch a rest should be."""
    if stretch is None:
        return LONGEST
    return LONGEST * min(1.0, max(0.0, (stretch - UNFELT) / (FELT - UNFELT)))


def measure(batches: Sequence[Batch] | deque[Batch]) -> tuple[float | None, bool] | None:
    """Return how many times as long batches take as they would undisturbed, and whether the server is near.

    A quarter of them at least is undisturbed even on a busy machine, as a batch is shorter than the time for
    which a process keeps its core. Of longer ones nobody knows; nor of few.
    """
    most = _quantile([batch.rows for batch in batches], 0.9)
    large = [batch for batch in batches if batch.rows and batch.rows >= LARGE * most]
    if len(large) < FEW // 2:
        return None
    way = _quantile([batch.seconds - batch.server_seconds for batch in large], 0.1)
    per_row = _quantile([batch.server_seconds / batch.rows for batch in large], 0.25)
    near = way <= NEAR_SECONDS
    if _quantile([batch.server_seconds for batch in large], 0.5) > TELLING_SECONDS:
        return None, near
    took = waited = 0.0
    for batch in large:
        seconds = batch.seconds if near else batch.server_seconds
        usual = (way if near else 0.0) + per_row * batch.rows
        seconds = min(seconds, HICCUP * usual)
        took, waited = took + seconds, waited + max(0.0, seconds - USUAL * usual)
    return took / max(took - waited, 1e-9), near


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[int(part * (len(values) - 1))]
