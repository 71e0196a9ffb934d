"""Standbys, and how far each has replayed."""

from collections.abc import Iterable, Mapping
from typing import Any

from expandcontract.model.users import Standby

#: A base backup is no standby, nor is who only receives WAL (it replays none, but streams), nor a logical
#: subscriber. A standby that is not connected is known by its slot, whose restart_lsn it had flushed. What a
#: role may not see of pg_stat_replication is NULL, the state too: it needs pg_monitor.
QUERY = """
SELECT coalesce(nullif(r.application_name, ''), 'walreceiver') AS name,
       pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0')::int8 AS replayed, true AS connected,
       r.state IS NOT NULL AS visible
FROM pg_catalog.pg_stat_replication r
WHERE r.state IS DISTINCT FROM 'backup'
  AND NOT coalesce(r.state = 'streaming' AND r.replay_lsn IS NULL, false)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
                  WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
UNION ALL
SELECT s.slot_name::text, pg_catalog.pg_wal_lsn_diff(s.restart_lsn, '0/0')::int8, false, true
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_type = 'physical' AND NOT s.active AND s.restart_lsn IS NOT NULL
ORDER BY 1
"""


def found(rows: Iterable[Mapping[str, Any]]) -> tuple[Standby, ...]:
    """Pure. Return the standbys of this server, from the rows of QUERY."""
    return tuple(Standby(row["name"], row["replayed"], row["connected"], row["visible"]) for row in rows)
