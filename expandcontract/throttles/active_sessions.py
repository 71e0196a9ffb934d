"""The throttle `active-sessions`: how many sessions of others work at once. A gauge.

Off until it is given a limit.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import Limits
from expandcontract.throttles.reading import Reading, ReadingKind
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "active-sessions"

#: Of all databases of the server, without ours. What a role may not see has no backend_type.
QUERY = """
SELECT pg_catalog.count(*) FILTER (WHERE a.state = 'active') AS active,
       pg_catalog.count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden
FROM pg_catalog.pg_stat_activity a
WHERE coalesce(a.backend_type, 'client backend') = 'client backend'
  AND pg_catalog.split_part(a.application_name, ' ', 1)
      IS DISTINCT FROM pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return limits.max_active_sessions is not None and NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return how many sessions are active."""
    (row,) = rows
    limit = now.limits.max_active_sessions
    if limit is None:
        return ()
    if row["hidden"]:
        why = "sessions of others are hidden from this role; grant it pg_monitor"
        return (Reading.unreadable(NAME, why, optional=NAME in now.limits.optional),)
    return (Reading(NAME, row["active"], limit, "sessions", kind=ReadingKind.GAUGE),)
