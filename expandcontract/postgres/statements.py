"""pg_stat_statements: who ran which statement how often. Normalized texts, counted per role."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.model.presence import MARK
from expandcontract.model.users import Source
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.sqlstate import ERRAND, sqlstate

#: What the view answers in a server that was started without the library.
NOT_LOADED = "55000"

#: The moment, how far WAL is written, and of the extension, which may not be there: its schema, whether it
#: has `pg_stat_statements_info` (since version 1.9, in PostgreSQL 14), and whether the role may read it.
_INSTALLED = """
SELECT pg_catalog.clock_timestamp(),
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::int8 END,
       n.nspname::text,
       pg_catalog.to_regclass(pg_catalog.quote_ident(n.nspname) || '.pg_stat_statements_info') IS NOT NULL,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
FROM (VALUES (1)) AS one (row)
LEFT JOIN (pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace)
       ON e.extname = 'pg_stat_statements'
"""

#: Settings under which nothing is counted, of the server or of the database. What only our role has, others
#: have not; a role of the application may have its own as well.
_UNCOUNTED = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_settings
    WHERE (name, setting) IN (('pg_stat_statements.track', 'none'), ('compute_query_id', 'off'))
      AND source NOT IN ('client', 'user', 'database user', 'session'))
"""

#: $1 names in lower case, one of which the text must contain; $2 what our own statements are like. The
#: server's own checks of foreign keys are nobody's. The path is the role's own, that of the database, or
#: PostgreSQL's default: what a session set itself is not known.
_ENTRIES = """
SELECT s.userid::int8, coalesce(r.rolname::text, s.userid::text), s.queryid, s.toplevel, s.calls, s.query,
       coalesce((
           SELECT pg_catalog.substr(setting, 13)
           FROM pg_catalog.pg_db_role_setting d, pg_catalog.unnest(d.setconfig) setting
           WHERE setting LIKE 'search_path=%' AND d.setrole IN (0, s.userid) AND d.setdatabase IN (0, s.dbid)
           ORDER BY d.setrole = 0, d.setdatabase = 0 LIMIT 1
       ), '"$user", public')
FROM {schema}.pg_stat_statements s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.userid
WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND s.queryid IS NOT NULL AND s.query NOT LIKE ALL ($2::text[])
  AND (s.toplevel OR s.query NOT LIKE '% ONLY %OPERATOR(%')
  AND EXISTS (SELECT FROM pg_catalog.unnest($1::text[]) name
              WHERE pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower(name)) > 0)
"""


#: Our statements end in a line with the mark; those that run with the rights of an owner begin with theirs.
#: An application has comments of its own, and `/* ecommerce */` is none of ours. The last one is how what a
#: function of the ledger looks for ends (`lookup`): an expression, which is counted as a statement.
_OURS = [f"%\n{MARK} %*/", f"{ERRAND} %", f"%\n{MARK} look */\n)"]


@dataclass(frozen=True)
class StatementEntry:
    """A statement of one role. `path` is where the role looks for unqualified names, as it is set."""

    role_oid: int
    role: str
    query_id: int
    toplevel: bool
    calls: int
    query: str
    path: str

    @property
    def search_path(self) -> str:
        """Where unqualified names are looked up, whoever looks."""
        return self.path.replace("$user", self.role.replace('"', ""))

    @property
    def key(self) -> tuple[int, int, bool]:
        return self.role_oid, self.query_id, self.toplevel


@dataclass(frozen=True)
class StatementStatistics:
    """What pg_stat_statements says now. `evictions` are counted since `reset_at`; `wal` is how far the server
    has written, in bytes, None for a standby.
    """

    source: Source
    at: datetime
    reset_at: datetime | None = None
    evictions: int = 0
    entries: tuple[StatementEntry, ...] = ()
    wal: int | None = None


async def read(conn: AsyncConnection, names: Collection[str]) -> StatementStatistics:
    """Return the statements of this database, not ours, whose text contains one of `names`.

    Names in quotes are written as SQL writes them, with every quote doubled.
    """
    ((now, wal, schema, current, allowed),) = await rows(conn, _INSTALLED)
    return replace(await _read(conn, now, schema, names, (current, allowed)), wal=wal)


async def _read(
    conn: AsyncConnection, now: datetime, schema: str | None, names: Collection[str], may: tuple[bool, bool]
) -> StatementStatistics:
    if schema is None:
        return StatementStatistics(Source.ABSENT, now)
    current, allowed = may
    if not (current and allowed):
        return StatementStatistics(Source.HIDDEN if current else Source.OUTDATED, now)
    try:
        # A role without the right on the view itself fails here as well.
        async with conn.begin_nested():
            return await _counted(conn, schema, now, names)
    except DBAPIError as error:
        return StatementStatistics(Source.UNLOADED if sqlstate(error) == NOT_LOADED else Source.HIDDEN, now)


async def _counted(
    conn: AsyncConnection, schema: str, now: datetime, names: Collection[str]
) -> StatementStatistics:
    info = f"SELECT stats_reset, dealloc FROM {quote(schema)}.pg_stat_statements_info"
    ((reset_at, evictions),) = await rows(conn, info)
    if await value(conn, _UNCOUNTED):
        return StatementStatistics(Source.UNCOUNTED, now)
    query = _ENTRIES.format(schema=quote(schema))
    found = await rows(conn, query, _shortest(names), _OURS)
    return StatementStatistics(
        Source.READ, now, reset_at, evictions, tuple(StatementEntry(*each) for each in found)
    )


def _shortest(names: Collection[str]) -> list[str]:
    """Leave out a name that contains another: who looks for `users` finds `users_2031` too."""
    kept: list[str] = []
    for name in sorted({each.replace('"', '""').lower() for each in names}, key=len):
        if not any(short in name for short in kept):
            kept.append(name)
    return kept
