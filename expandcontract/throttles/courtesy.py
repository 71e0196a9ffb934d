"""The throttle `courtesy`: while others are at work in the database, short batches, and rests where felt.

On by default. A batch of 50 ms at full speed makes who writes one of its rows wait for the rest of it, and
their commits for its WAL. How long the rests are: `rests.py`.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.rests import LONGEST
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "courtesy"
#: A batch is this long without rests, and half as long with the longest.
BATCH_SECONDS = 0.002
#: This much WAL counts as a second: whoever commits next waits for its end.
WAL_BYTES_PER_SECOND = 64 * 1024 * 1000
#: Who was at work is taken to be at work for this long.
LINGERS_SECONDS = 5.0

#: Sessions of this database, without ours, that did something within the last two seconds, and those of them
#: in a transaction at this moment. That is not only who is active: between two statements hardly anybody is,
#: even where all cores are at work. What a role may not see has no backend_type, and counts as both.
QUERY = """
SELECT pg_catalog.count(*) AS busy,
       pg_catalog.count(*) FILTER (
         WHERE a.backend_type IS NULL OR a.state IN ('active', 'idle in transaction')) AS open
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database()
  AND pg_catalog.split_part(a.application_name, ' ', 1)
      IS DISTINCT FROM pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
  AND (a.backend_type IS NULL
    OR a.backend_type = 'client backend'
      AND (a.state = 'active' OR a.state_change > pg_catalog.clock_timestamp() - INTERVAL '2 seconds'))
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part: not beside a nice ratio that somebody chose."""
    return limits.nice_ratio == 0 and NAME not in limits.off


def readings(rows: Sequence[SignalRow], _now: Moment) -> tuple[Reading, ...]:
    """Return how many sessions are at work: one is over the threshold."""
    busy = rows[0]["busy"]
    words = f"beside {busy} session{'s' * (busy != 1)}"
    return (Reading(NAME, busy, 0, kind=ReadingKind.COURTESY, words=words),)


def batch_seconds(ratio: float) -> float:
    """Return how long a batch is meant to take when rests are `ratio` times as long."""
    return BATCH_SECONDS / (1 + ratio / LONGEST)


def cost_seconds(server_seconds: float, wal_bytes: float) -> float:
    """Return how long others may have to wait for a batch that took so long and wrote so much WAL."""
    return max(server_seconds, wal_bytes / WAL_BYTES_PER_SECOND)
