"""What a throttle says: a reading, its threshold, how much of that is used up, and all of it in words."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One signal, read now. The work slows down when `value` is over `threshold`; both are in `unit`."""

    throttle: str
    value: float
    threshold: float
    unit: str

    @property
    def utilization(self) -> float:
        """How much of the threshold is used up: 1.0 is all of it."""
        return self.value / self.threshold if self.threshold > 0 else float("inf")

    @property
    def holds_back(self) -> bool:
        """Whether the work has to wait."""
        return self.utilization > 1.0

    @property
    def sentence(self) -> str:
        """The reading in words, such as `max-rate 1200 rows/s > 1000 rows/s`."""
        sign = ">" if self.holds_back else "<="
        return f"{self.throttle} {self.value:.6g} {self.unit} {sign} {self.threshold:.6g} {self.unit}"


def tightest(readings: Iterable[Reading]) -> Reading | None:
    """Return the reading that is used up most, or None without any."""
    return max(readings, key=lambda reading: reading.utilization, default=None)
