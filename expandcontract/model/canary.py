"""Whether the application fails more than before: transactions rolled back against a baseline. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

#: This many times the rollbacks of before are too many,
FACTOR = 3.0
#: but not so few, beside one for each session: whoever cached a plan may meet one error that a retry mends.
FLOOR = 10
#: What comes late shows in what was counted last.
WINDOW_SECONDS = 30.0


@dataclass(frozen=True)
class Sample:
    """How many transactions of the database were rolled back ever, at a moment of the server's clock."""

    at_seconds: float
    rollbacks: int


@dataclass(frozen=True)
class Baseline:
    """How it was before contract: rollbacks a second, and how many sessions others had."""

    rate: float
    sessions: int

    @property
    def floor(self) -> int:
        """This many rollbacks never alarm."""
        return FLOOR + self.sessions

    def __str__(self) -> str:
        return f"{self.rate:.2g}/s before contract"


def baseline(first: Sample, last: Sample, sessions: int) -> Baseline:
    """Return what two samples before contract say."""
    seconds = max(last.at_seconds - first.at_seconds, 0.001)
    return Baseline(max(last.rollbacks - first.rollbacks, 0) / seconds, sessions)


def followed(samples: Sequence[Sample], sample: Sample) -> tuple[Sample, ...]:
    """Return the samples with one more; from it on, where somebody reset the counters."""
    if samples and sample.rollbacks < samples[-1].rollbacks:
        return (sample,)
    return (*samples, sample)


def alarm(before: Baseline, samples: Sequence[Sample]) -> str | None:
    """Return what is wrong since the first sample, or of late; None while nothing is."""
    if not samples:
        return None
    last = samples[-1]
    recent = next(s for s in samples if last.at_seconds - s.at_seconds <= WINDOW_SECONDS)
    for first in (samples[0], recent):
        seconds, rolled = last.at_seconds - first.at_seconds, last.rollbacks - first.rollbacks
        if rolled > before.floor and rolled > FACTOR * before.rate * seconds:
            return (
                f"{rolled:,} transactions were rolled back in {seconds:.0f} s "
                f"({rolled / max(seconds, 1):.2g}/s; {before})"
            )
    return None
