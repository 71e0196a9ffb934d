"""What goes on beside us: indexes that are built, and who keeps rows that are dead for everybody else."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.activity import Activity, Horizon
from expandcontract.model.events import Blocker, Build
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Site:
    """Where one change is at work: the leaves of its table by OID, and the column of the new side."""

    change_id: int
    leaves: tuple[int, ...]
    new_column: str


#: $1 tables, $2 one more by its name, or NULL. Each phase counts something else, and the counters of the one
#: before stay. What a role may not see has no relid.
_BUILDS = """
SELECT p.relid::int8, coalesce(pg_catalog.quote_ident(x.relname), ''), p.pid, p.phase,
       counted.done, counted.total, counted.unit,
       coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.query_start), 0)::float8,
       b.pid, coalesce(b.application_name, ''), coalesce(b.usename::text, ''), coalesce(b.state, 'active'),
       coalesce(pg_catalog.clock_timestamp() - coalesce(b.xact_start, b.backend_start), '0'::interval), '',
       coalesce(b.backend_type, 'client backend')
FROM pg_catalog.pg_stat_progress_create_index p
JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
LEFT JOIN pg_catalog.pg_class x ON x.oid = p.index_relid
LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = p.current_locker_pid AND p.phase LIKE 'waiting for %'
CROSS JOIN LATERAL (
    SELECT p.lockers_done, p.lockers_total, 'lockers' WHERE p.phase LIKE 'waiting for %'
    UNION ALL
    SELECT p.tuples_done, p.tuples_total, 'tuples' WHERE p.phase LIKE '%: loading tuples%'
    UNION ALL
    SELECT p.blocks_done, p.blocks_total, 'blocks'
    WHERE p.phase LIKE '%: scanning %' OR p.phase = 'building index'
    UNION ALL
    SELECT 0, 0, ''
    LIMIT 1
) counted(done, total, unit)
WHERE p.datname = pg_catalog.current_database()
  AND (p.relid = ANY ($1::oid[]) OR p.relid = pg_catalog.to_regclass($2))
ORDER BY a.query_start
"""

#: Vacuum holds back nobody, and our own transactions are short. A standby without a slot feeds back through
#: its session.
_HORIZON = """
SELECT held.* FROM (
    SELECT pg_catalog.format('pid %s (%s, %s, %s)', a.pid,
                             coalesce(NULLIF(a.application_name, ''), 'unnamed'), a.usename,
                             coalesce(a.state, 'active')),
           greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid)) AS transactions,
           pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::float8
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = pg_catalog.current_database()
      AND pg_catalog.split_part(a.application_name, ' ', 1)
          <> pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
      AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
      AND coalesce(a.backend_xmin, a.backend_xid) IS NOT NULL
    UNION ALL
    SELECT 'prepared transaction ' || x.gid, pg_catalog.age(x.transaction),
           pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - x.prepared)::float8
    FROM pg_catalog.pg_prepared_xacts x WHERE x.database = pg_catalog.current_database()
    UNION ALL
    SELECT 'replication slot ' || s.slot_name, pg_catalog.age(s.xmin), NULL
    FROM pg_catalog.pg_replication_slots s WHERE s.xmin IS NOT NULL
    UNION ALL
    SELECT 'feedback of standby ' || r.application_name, pg_catalog.age(r.backend_xmin), NULL
    FROM pg_catalog.pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
) held(who, transactions, seconds)
ORDER BY held.transactions DESC LIMIT 5
"""

#: $1 changes, $2 leaves, $3 columns. An expression, a predicate or INCLUDE counts as well. From 16 on an
#: index that only summarizes leaves the update HOT.
_NEW_INDEXES = """
SELECT DISTINCT u.change, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(x.relname)
FROM ROWS FROM (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::text[]))
    u(change, relation, name)
JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relation AND a.attname = u.name AND NOT a.attisdropped
JOIN pg_catalog.pg_index i ON i.indrelid = u.relation AND i.indislive
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = x.relam
WHERE (m.amname <> 'brin' OR pg_catalog.current_setting('server_version_num')::int < 160000)
  AND (a.attnum = ANY (i.indkey::int2[]) OR EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
        AND d.refclassid = d.classid AND d.refobjid = u.relation AND d.refobjsubid = a.attnum))
ORDER BY 1, 2
"""


async def observe(conn: AsyncConnection, sites: Sequence[Site]) -> dict[int, Activity]:
    """Return what goes on, by change id: three queries, however many changes there are."""
    every = sorted({leaf for site in sites for leaf in site.leaves})
    building = await _builds(conn, every, None)
    horizon = tuple(Horizon(*row) for row in await rows(conn, _HORIZON))
    indexes = await _new_indexes(conn, sites)
    return {
        site.change_id: Activity(
            builds=tuple(build for leaf, build in building if leaf in site.leaves),
            horizon=horizon,
            new_indexes=tuple(indexes[site.change_id]),
        )
        for site in sites
    }


async def builds_on(conn: AsyncConnection, table: str) -> tuple[Build, ...]:
    """Return the builds of indexes on a table, named as SQL, ours as well; the oldest first."""
    return tuple(build for _, build in await _builds(conn, [], table))


async def _builds(conn: AsyncConnection, tables: Sequence[int], name: str | None) -> list[tuple[int, Build]]:
    found = []
    for relation, index, pid, phase, done, total, unit, seconds, *locker in await rows(
        conn, _BUILDS, list(tables), name
    ):
        waits_for = Blocker(*locker) if locker[0] else None
        found.append((relation, Build(index, pid, phase, done, total, unit, seconds, waits_for)))
    return found


async def _new_indexes(conn: AsyncConnection, sites: Sequence[Site]) -> defaultdict[int, list[str]]:
    wanted = [(site.change_id, leaf, site.new_column) for site in sites for leaf in site.leaves]
    columns = ([each[place] for each in wanted] for place in range(3))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for change, name in await rows(conn, _NEW_INDEXES, *columns):
        found[change].append(name)
    return found
