"""Lines of a few hours, as paths of an SVG. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from expandcontract.cli.views.format import count, percent, seconds
from expandcontract.ledger.summary import Sample

#: How much is shown at most, and at least.
SPAN, SHORTEST = timedelta(hours=3), timedelta(minutes=10)
#: After this long without a sample a line is broken: nobody worked then.
_GAP = timedelta(seconds=90)
WIDTH, HEIGHT = 600, 80


@dataclass(frozen=True)
class Chart:
    """A line of samples. `path` and `limit` are SVG; `bands` are the places, from and to, where the sweep was
    held back. `most` is what the upper edge stands for, `last` the newest value.
    """

    title: str
    path: str
    most: str
    last: str
    bands: tuple[tuple[float, float], ...] = ()
    limit: float | None = None


@dataclass(frozen=True)
class Axis:
    """The time from left to right, which ends now."""

    now: datetime
    span: timedelta

    def place(self, at: datetime) -> float:
        """Return where a moment is."""
        return WIDTH * (1 - (self.now - at) / self.span)


def charts(samples: Sequence[Sample], now: datetime) -> tuple[Chart, ...]:
    """Return the charts of the samples of the last hours; none where there are too few for a line."""
    shown = [each for each in samples if each.at > now - SPAN]
    if len(shown) < 2:  # noqa: PLR2004 - a line has two ends
        return ()
    axis = Axis(now, max(now - shown[0].at, SHORTEST))
    bands = tuple(_bands(shown, axis))
    made = [
        _chart("Rows per second", shown, axis, lambda it: it.rows_per_second, count),
        _chart("Lag of a standby", shown, axis, lambda it: it.lag_seconds, seconds, limit=_lag_limit(shown)),
        _chart("HOT", shown, axis, lambda it: it.hot_ratio, percent, most=1.0),
    ]
    return tuple(
        Chart(each.title, each.path, each.most, each.last, bands, each.limit) for each in made if each
    )


def _chart(  # noqa: PLR0913 - what a chart is made of
    title: str,
    samples: Sequence[Sample],
    axis: Axis,
    value: Callable[[Sample], float | None],
    told: Callable[[float], str],
    *,
    most: float | None = None,
    limit: float | None = None,
) -> Chart | None:
    points = [(each.at, found) for each in samples if (found := value(each)) is not None]
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    top = most or max([*(found for _, found in points), limit or 0.0]) or 1.0
    path, before = "", None
    for at, found in points:
        pen = "M" if before is None or at - before > _GAP else "L"
        path += f"{pen}{axis.place(at):.1f} {HEIGHT - found / top * (HEIGHT - 4):.1f}"
        before = at
    height = None if limit is None else HEIGHT - limit / top * (HEIGHT - 4)
    return Chart(title, path, told(top), told(points[-1][1]), limit=height)


def _lag_limit(samples: Sequence[Sample]) -> float | None:
    return next((each.threshold for each in reversed(samples) if each.throttle == "replica-lag"), None)


def _bands(samples: Sequence[Sample], axis: Axis) -> Iterator[tuple[float, float]]:
    """Yield where the sweep was held back: from one sample to the next."""
    for each, following in zip(samples, [*samples[1:], None], strict=True):
        if each.throttled_by:
            end = each.at + _GAP if following is None else min(following.at, each.at + _GAP)
            yield axis.place(each.at), axis.place(min(end, axis.now))
