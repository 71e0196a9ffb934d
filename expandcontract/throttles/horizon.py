"""The throttle `horizon`: a transaction that holds it back keeps dead rows, so that pages are not pruned and
the table grows while it is copied.

On by default as a warning after five minutes. With a limit it is a gauge.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "horizon"
WARNING_SECONDS = 300.0

#: Vacuum holds back nobody. What a role may not see is NULL, and not looked at.
QUERY = """
SELECT held.* FROM (
  SELECT pg_catalog.concat('pid ', a.pid, ' ', a.application_name, ', ', a.state) AS who,
         pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.float8
           AS seconds
  FROM pg_catalog.pg_stat_activity a
  WHERE a.datname = pg_catalog.current_database()
    AND pg_catalog.split_part(a.application_name, ' ', 1)
        <> pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
    AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
    AND coalesce(a.backend_xmin, a.backend_xid) IS NOT NULL AND a.xact_start IS NOT NULL
  UNION ALL
  SELECT pg_catalog.concat('prepared transaction ', x.gid),
         pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - x.prepared)::pg_catalog.float8
  FROM pg_catalog.pg_prepared_xacts x WHERE x.database = pg_catalog.current_database()
) held
ORDER BY held.seconds DESC LIMIT 1
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return the age of the oldest transaction, and whose it is."""
    limit = now.limits.max_horizon
    kind, threshold = (
        (ReadingKind.NOTICE, WARNING_SECONDS) if limit is None else (ReadingKind.GAUGE, limit.total_seconds())
    )
    return tuple(
        Reading(NAME, row["seconds"], threshold, "s", kind=kind, subject=str(row["who"])) for row in rows
    )
