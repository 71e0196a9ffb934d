"""The throttle `slot-wal`: the WAL that a replication slot retains must not fill the disk, nor reach the size
at which the server gives the slot up.

On by default where max_slot_wal_keep_size is set: half of that. A budget.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "slot-wal"
#: Of max_slot_wal_keep_size: beyond that the server invalidates the slot, and its standby is lost.
SHARE = 0.5

#: A negative setting is no limit. A slot that is lost retains nothing.
QUERY = """
SELECT s.slot_name::text AS name,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::pg_catalog.int8
         AS retained,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')) AS keep
FROM pg_catalog.pg_replication_slots s
WHERE s.restart_lsn IS NOT NULL AND NOT s.temporary
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return a reading for each slot, where there is a limit."""
    return tuple(
        Reading(
            NAME,
            max(0, row["retained"]) / MEGABYTE,
            limit / MEGABYTE,
            "MB",
            subject=str(row["name"]),
            growth=now.wal.growth / MEGABYTE,
        )
        for row in rows
        if (limit := _limit(row, now.limits)) is not None
    )


def _limit(row: SignalRow, limits: Limits) -> float | None:
    if limits.max_slot_wal is not None:
        return limits.max_slot_wal
    return SHARE * row["keep"] if row["keep"] > 0 else None
