"""The throttle `wal-rate`: how much WAL per second the server writes. A gauge.

Off until it is given a limit.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "wal-rate"

QUERY = "SELECT true AS present"


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return limits.max_wal_rate is not None and NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return the rate of the last two seconds; nothing until it is known."""
    del rows
    rate, limit = now.wal.rate(now.at), now.limits.max_wal_rate
    if rate is None or limit is None:
        return ()
    return (Reading(NAME, rate / MEGABYTE, limit / MEGABYTE, "MB/s", kind=ReadingKind.GAUGE),)
