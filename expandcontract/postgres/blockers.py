"""Who is in the way: of a lock that we wait for, and of what waits for old snapshots."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.events import Blocker
from expandcontract.model.words import one_line
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows

#: A VACUUM against transaction id wraparound does not give way to anybody, and must not be made to.
WRAPAROUND = "autovacuum against wraparound"

#: Columns of a Blocker; `a` is pg_stat_activity, $2 says whether queries are left out. What pg_stat_activity
#: hides from our role is NULL.
_SESSION = f"""
SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''),
       coalesce(a.state, CASE WHEN a.backend_type = 'client backend' THEN 'unknown' ELSE 'active' END),
       coalesce(pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.backend_start), '0'::interval),
       CASE WHEN $2 THEN ''
            ELSE pg_catalog.left(pg_catalog.regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 200) END,
       CASE WHEN a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)'
            THEN '{WRAPAROUND}' ELSE coalesce(a.backend_type, 'client backend') END
FROM pg_catalog.pg_stat_activity a
"""

#: A prepared transaction has no process: pg_blocking_pids() returns 0 for it. Its locks are found by its
#: transaction id.
_PREPARED = """
SELECT 0, x.gid, x.owner::text, 'prepared', pg_catalog.clock_timestamp() - x.prepared, '',
       'prepared transaction'
FROM pg_catalog.pg_prepared_xacts x
"""

_BLOCKERS = f"""
WITH blocking AS MATERIALIZED (SELECT pg_catalog.pg_blocking_pids($1) AS pids)
{_SESSION}
JOIN blocking b ON a.pid = ANY (b.pids)
UNION
{_PREPARED}
JOIN blocking b ON 0 = ANY (b.pids)
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_locks own
    JOIN pg_catalog.pg_locks held ON held.pid IS NULL AND held.granted
        AND held.virtualtransaction = own.virtualtransaction
    JOIN pg_catalog.pg_locks wanted ON wanted.pid = $1 AND NOT wanted.granted
        AND wanted.locktype = held.locktype
        AND wanted.database IS NOT DISTINCT FROM held.database
        AND wanted.relation IS NOT DISTINCT FROM held.relation
        AND wanted.transactionid IS NOT DISTINCT FROM held.transactionid
    WHERE own.pid IS NULL AND own.locktype = 'transactionid' AND own.transactionid = x.transaction)
ORDER BY 5 DESC
"""

_SNAPSHOTS = f"""
WITH ours AS MATERIALIZED (
    SELECT query_start, datid, pg_catalog.pg_blocking_pids(pid) AS pids
    FROM pg_catalog.pg_stat_activity WHERE pid = $1
)
{_SESSION}
JOIN ours o ON a.pid = ANY (o.pids)
    OR a.datid = o.datid AND a.pid <> $1 AND a.xact_start < o.query_start
       AND coalesce(a.backend_xmin, a.backend_xid) IS NOT NULL
UNION
{_PREPARED}
JOIN ours o ON x.database = pg_catalog.current_database() AND x.prepared < o.query_start
ORDER BY 5 DESC
"""

#: Sessions that hold any lock on a table or one below it. $1 tables as SQL, $2 as in _SESSION.
_HOLDERS = f"""
WITH RECURSIVE {tree("SELECT pg_catalog.to_regclass(name)::oid FROM pg_catalog.unnest($1::text[]) name")}
{_SESSION}
WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()
  AND EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN tree t ON l.relation = t.relation
              WHERE l.pid = a.pid AND l.granted)
ORDER BY 5 DESC
"""


async def holders_of(
    conn: AsyncConnection, relations: Sequence[str], *, confidential: bool = False
) -> tuple[Blocker, ...]:
    """Return the sessions that use the tables now, by any lock; the longest transaction first."""
    return _blockers(await rows(conn, _HOLDERS, list(relations), confidential))


async def blockers_of(conn: AsyncConnection, pid: int, *, confidential: bool = False) -> tuple[Blocker, ...]:
    """Return who holds, or is queued before, what backend `pid` waits for now; the longest transaction first.

    With `confidential` the queries are left out.
    """
    return _blockers(await rows(conn, _BLOCKERS, pid, confidential))


async def older_snapshots(
    conn: AsyncConnection, pid: int, *, confidential: bool = False
) -> tuple[Blocker, ...]:
    """Return the transactions of this database that are older than the statement that backend `pid` runs.

    CREATE INDEX CONCURRENTLY and its like wait until all of them have ended. The oldest comes first.
    """
    return _blockers(await rows(conn, _SNAPSHOTS, pid, confidential))


def _blockers(found: list[tuple[Any, ...]]) -> tuple[Blocker, ...]:
    return tuple(
        Blocker(pid, one_line(application_name), one_line(role), state, age, one_line(query), kind)
        for pid, application_name, role, state, age, query, kind in found
    )
