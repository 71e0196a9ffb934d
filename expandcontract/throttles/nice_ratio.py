"""The throttle `nice-ratio`: after each batch, this many times its duration is slept. Pure."""

from expandcontract.throttles.reading import Reading, ReadingKind

NAME = "nice-ratio"


def pause_seconds(ratio: float, batch_seconds: float) -> float:
    """Return for how long to sleep after a batch that took this long."""
    return max(0.0, ratio * batch_seconds)


def reading(ratio: float) -> Reading | None:
    """Return what is said while it slows the work down; None when it does not."""
    if ratio <= 0:
        return None
    words = f"{ratio:g} (sleeps {ratio:g} times as long as it works)"
    return Reading(NAME, ratio, ratio, kind=ReadingKind.GAUGE, words=words)
