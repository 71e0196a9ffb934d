"""The throttle `lock-waiters`: while a session waits for a lock of ours, nothing new is locked.

On by default. A budget of nobody.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "lock-waiters"

#: Ours are the sessions of our role with our name. pg_blocking_pids() stops the lock manager for a moment, so
#: it is asked only about sessions that wait for something that one of ours has, and about a few of them.
QUERY = """
WITH ours AS MATERIALIZED (
  SELECT a.pid FROM pg_catalog.pg_stat_activity a
  WHERE pg_catalog.split_part(a.application_name, ' ', 1)
      = pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
    AND a.usename = SESSION_USER AND a.datname = pg_catalog.current_database()
),
locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks),
suspect AS MATERIALIZED (
  SELECT DISTINCT waiting.pid
  FROM locks waiting
  JOIN locks held ON held.granted AND held.locktype = waiting.locktype
    AND held.database IS NOT DISTINCT FROM waiting.database
    AND held.relation IS NOT DISTINCT FROM waiting.relation
    AND held.page IS NOT DISTINCT FROM waiting.page
    AND held.tuple IS NOT DISTINCT FROM waiting.tuple
    AND held.transactionid IS NOT DISTINCT FROM waiting.transactionid
  WHERE NOT waiting.granted AND held.pid IN (SELECT pid FROM ours)
    AND waiting.pid NOT IN (SELECT pid FROM ours)
  LIMIT 10
)
SELECT s.pid, coalesce(a.application_name, '') AS name
FROM suspect s
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid
WHERE pg_catalog.pg_blocking_pids(s.pid) && ARRAY(SELECT pid FROM ours)
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return how many sessions wait, and who."""
    del now
    who = ", ".join(f"pid {row['pid']} {row['name']}".rstrip() for row in rows)
    words = f"{len(rows)} waiting for a lock of ours"
    return (Reading(NAME, len(rows), 0.0, subject=who, words=words),)
