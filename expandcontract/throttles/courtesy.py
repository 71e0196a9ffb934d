"""The throttle `courtesy`: while others are at work in the database, short batches with rests between them.

On by default. A batch of 50 ms at full speed makes who writes one of its rows wait for the rest of it, and
their commits for its WAL. The more others work, the longer the rests.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.others import Others
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "courtesy"
#: A batch is this long, or of this much WAL.
BATCH_SECONDS, BATCH_WAL_BYTES = 0.001, 64 * 1024
#: Its rest is this many times as long; less where others have less than one transaction open on average.
RATIO, LEAST_RATIO = 8.0, 2.0
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


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return how many times a batch has to be rested; none while no session is at work."""
    busy = rows[0]["busy"]
    ratio = rest_ratio(now.others) if busy else 0.0
    who = f"{busy} session{'s' * (busy != 1)} of others at work"
    words = f"{who} (sleeps {ratio:.2g} times as long as it works)"
    return (Reading(NAME, ratio, 0, kind=ReadingKind.COURTESY, words=words),)


def rest_ratio(others: Others) -> float:
    """Return how many times as long as a batch its rest is."""
    return max(LEAST_RATIO, RATIO * min(1.0, others.at_once))
