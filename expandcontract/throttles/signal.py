"""What a throttle that reads the server offers: its query, and what a row of it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.wal import Wal

SignalRow: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """When rows were read (seconds of a monotonic clock), what is to be kept to, and what was seen before."""

    at: float
    limits: Limits
    wal: Wal


class Signal(Protocol):
    """A module of this folder. `QUERY` takes no parameters and reads only."""

    NAME: str
    QUERY: str

    def wanted(self, limits: Limits) -> bool:
        """Say whether the throttle takes part."""

    def readings(self, rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
        """Say what the rows mean. Pure."""
