"""The throttle `replica-lag`: no standby may be behind by more than a time, nor by more than this much WAL.

On by default. A budget: behind a standby that does not keep up nothing is written.
"""

from collections.abc import Sequence

from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.reading import Reading
from expandcontract.throttles.signal import Moment, SignalRow

NAME = "replica-lag"

#: `behind` and `unreplayed` are in bytes, `position` is that of the standby. Our commits do not wait for the
#: disk: what is inserted and not written yet is unreplayed as well. Who only receives WAL
#: (pg_receivewal) replays none. A base backup is no standby. What a role may not see is NULL: it needs
#: pg_monitor.
QUERY = """
SELECT r.application_name::text AS name, r.state::text AS state,
       pg_catalog.date_part('epoch', r.replay_lag)::pg_catalog.float8 AS seconds,
       pg_catalog.pg_wal_lsn_diff(primary_.written, standby.lsn)::pg_catalog.int8 AS behind,
       pg_catalog.pg_wal_lsn_diff(primary_.inserted, standby.lsn)::pg_catalog.int8 AS unreplayed,
       pg_catalog.pg_wal_lsn_diff(standby.lsn, '0/0')::pg_catalog.int8 AS position
FROM pg_catalog.pg_stat_replication r
CROSS JOIN (SELECT pg_catalog.pg_current_wal_lsn() AS written,
                   pg_catalog.pg_current_wal_insert_lsn() AS inserted) primary_
CROSS JOIN LATERAL (SELECT coalesce(r.replay_lsn, r.flush_lsn, r.write_lsn, r.sent_lsn) AS lsn) standby
WHERE r.state IS DISTINCT FROM 'backup'
"""


def wanted(limits: Limits) -> bool:
    """Say whether the throttle takes part."""
    return NAME not in limits.off


def readings(rows: Sequence[SignalRow], now: Moment) -> tuple[Reading, ...]:
    """Return two readings for each standby that counts, in time and in bytes; or what is missing."""
    limits = now.limits
    if any(row["name"] is None or row["state"] is None for row in rows):
        # Nobody asked for it by name: then a role that cannot see it is told so, and works on.
        optional = not limits.standbys or NAME in limits.optional
        why = "pg_stat_replication is hidden from this role; grant it pg_monitor"
        return (Reading.unreadable(NAME, why, optional=optional),)
    missing = sorted(set(limits.standbys) - {str(row["name"]) for row in rows})
    counted = [row for row in rows if not limits.standbys or row["name"] in limits.standbys]
    return (
        *(_missing(name, limits) for name in missing),
        *(reading for row in counted if row["position"] is not None for reading in _of(row, now)),
    )


def _missing(name: str, limits: Limits) -> Reading:
    return Reading.unreadable(NAME, "not connected", optional=NAME in limits.optional, subject=name)


def _of(row: SignalRow, now: Moment) -> tuple[Reading, Reading]:
    name, unreplayed = str(row["name"]), max(0, int(row["unreplayed"]))
    budget = now.limits.max_lag.total_seconds()
    return (
        Reading(NAME, _seconds(row, now), budget, "s", subject=name, growth=1.0),
        Reading(
            NAME,
            unreplayed / MEGABYTE,
            now.limits.max_lag_bytes / MEGABYTE,
            "MB",
            subject=name,
            growth=now.wal.growth / MEGABYTE,
        ),
    )


def _seconds(row: SignalRow, now: Moment) -> float:
    """Return how old the WAL is that the standby has to replay next.

    The server's replay_lag is NULL when nothing happens, and keeps its last value when a standby that has
    something to replay stands still; so it is also measured here, by when the primary was where the standby
    is.
    """
    if row["behind"] <= 0:
        return 0.0
    return max(row["seconds"] or 0.0, now.wal.behind_seconds(int(row["position"]), now.at))
