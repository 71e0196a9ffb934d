"""The throttle `courtesy`: while others are at work in the database, short batches with rests between them.

On by default. A batch of 50 ms at full speed makes who writes one of its rows wait for the rest of it, and
their commits for its WAL.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Kind, Reading
from expandcontract.throttles.signal import Moment, Row

NAME = "courtesy"
#: A batch is so long, or of so much WAL, and its rest is so many times as long.
BATCH_SECONDS, BATCH_WAL_BYTES, RATIO = 0.001, 64 * 1024, 8.0
#: Who was at work is taken to be so for so long.
LINGERS_SECONDS = 5.0

#: Sessions of this database, without ours, that did something within the last two seconds. What a role may
#: not see has no backend_type, and counts.
QUERY = """
SELECT pg_catalog.count(*) AS busy
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database()
  AND a.application_name IS DISTINCT FROM pg_catalog.current_setting('application_name')
  AND (a.backend_type IS NULL
    OR a.backend_type = 'client backend'
      AND (a.state = 'active' OR a.state_change > pg_catalog.clock_timestamp() - INTERVAL '2 seconds'))
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part: not beside a nice ratio that somebody chose."""
    return limits.nice_ratio == 0 and NAME not in limits.off


def readings(rows: Sequence[Row], now: Moment) -> tuple[Reading, ...]:  # noqa: ARG001 - as all signals
    """Return how many sessions are at work."""
    busy = rows[0]["busy"]
    who = f"{busy} session{'s' * (busy != 1)} of others at work"
    words = f"{who} (sleeps {RATIO:g} times as long as it works)"
    return (Reading(NAME, busy, 0, kind=Kind.COURTESY, words=words),)
