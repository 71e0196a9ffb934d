"""Which statement ran in which phase, and how long statements took there. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds since the epoch."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Latencies:
    """How long the statements of one application took, in seconds."""

    statements: int
    errors: int
    p50: float
    p99: float
    longest: float


class Timeline:
    """Spans in order. A statement belongs to the shortest one that it overlaps.

    So a statement that waited for a lock of a phase that lasts some milliseconds counts there, and not in the
    long phase in which it began.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = tuple(spans)
        self._shortest_first = sorted(self.spans, key=lambda span: span.end - span.begin)

    def name(self, started: float, seconds: float) -> str | None:
        """Return the name of the span in which a statement ran, None when it ran in none."""
        end = started + seconds
        return next((s.name for s in self._shortest_first if started < s.end and end >= s.begin), None)

    def latencies(
        self, statements: Iterable[tuple[float, float]], failed: Iterable[tuple[float, float]]
    ) -> dict[str, Latencies]:
        """Sum up by span. Statements are (started, seconds); those that `failed` are among `statements`."""
        seconds: dict[str, list[float]] = defaultdict(list)
        for started, took in statements:
            seconds[self.name(started, took) or ""].append(took)
        errors = Counter(self.name(started, took) or "" for started, took in failed)
        return {name: _sum_up(sorted(found), errors[name]) for name, found in seconds.items()}


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    return ordered[max(0, -(-round(share * len(ordered) * 1000) // 1000) - 1)]


def _sum_up(ordered: Sequence[float], errors: int) -> Latencies:
    return Latencies(len(ordered), errors, percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])
