"""The throttle `archive`: WAL that waits to be archived stays on the disk. A budget.

Off until it is given a limit.
"""

import re
from collections.abc import Sequence

from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "archive"

#: Which segments wait is seen by superusers only; the name of the last one that was archived by everybody.
QUERY = """
SELECT a.last_archived_wal AS archived,
       coalesce(a.last_failed_time > a.last_archived_time, a.failed_count > 0) AS failing,
       pg_catalog.current_setting('archive_mode') AS mode,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::pg_catalog.int8 AS position,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS segment
FROM pg_catalog.pg_stat_archiver a
"""
#: Timeline, then the number of the segment in two halves. A history file has no position; that of a backup
#: begins with its segment.
_SEGMENT = re.compile(r"[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})(?:\.|$)")


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return limits.max_archive_backlog is not None and NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return how much WAL is written and not archived; nothing where the server does not archive."""
    (row,) = rows
    limit = now.limits.max_archive_backlog
    if limit is None or row["mode"] == "off":
        return ()
    end = archived_until(row["archived"], row["segment"])
    if end is None:
        why = "archiving fails" if row["failing"] else "nothing was archived since statistics were reset"
        return (Reading.unreadable(NAME, why, optional=NAME in now.limits.optional),)
    # The segment that is being written cannot be archived yet.
    waiting = max(0, row["position"] // row["segment"] * row["segment"] - end)
    subject = "archiving fails" if row["failing"] else ""
    growth = now.wal.growth / MEGABYTE
    return (Reading(NAME, waiting / MEGABYTE, limit / MEGABYTE, "MB", subject=subject, growth=growth),)


def archived_until(name: str | None, segment_bytes: int) -> int | None:
    """Return the position up to which WAL is archived, by the name of the last file; None without any."""
    match = _SEGMENT.match(name or "")
    if match is None:
        return None
    number = int(match[1], 16) * (2**32 // segment_bytes) + int(match[2], 16)
    return (number + 1) * segment_bytes
