"""`ec doctor`: look at server, connection, ledger and changes for what will cause trouble. Only reads."""

from collections import defaultdict

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import health
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.health import MOST_NAMED, Finding
from expandcontract.model.errors import EcError, LedgerMissing
from expandcontract.model.names import RelationName, quote, sync_schema
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation
from expandcontract.model.users import Source
from expandcontract.postgres import origin, statements, transport
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows
from expandcontract.postgres.sqlstate import translate

#: Transactions that hold back the horizon: while they last, no page is pruned and an update leaves a dead
#: row. $1: seconds.
_HORIZON = """
SELECT pid, coalesce(application_name, ''), extract(epoch FROM clock_timestamp() - xact_start)::bigint
FROM pg_catalog.pg_stat_activity
WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
  AND xact_start < clock_timestamp() - make_interval(secs => $1)
ORDER BY xact_start LIMIT 3
"""
HELD_SECONDS = 300

#: Logical slots of this database which nobody reads, or whose WAL is about to be, or was, given up.
_SLOTS = """
SELECT s.slot_name::text, s.active, s.wal_status::text,
       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn))
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_type = 'logical' AND s.database = pg_catalog.current_database() AND NOT s.temporary
  AND (NOT s.active OR s.wal_status IN ('unreserved', 'lost'))
ORDER BY 1
"""

_PREPARED = """
SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::bigint
FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
"""

#: Transactions of others that hold a lock on a table, or on one below it, for longer than $2 seconds.
#: $1: tables. A prepared transaction has no session.
_HELD = f"""
WITH RECURSIVE {tree("SELECT o, o FROM pg_catalog.unnest($1::oid[]) o", "root")}
SELECT t.root::int8, a.pid, coalesce(a.application_name, ''), a.usename::text, coalesce(a.state, ''),
       max(l.mode), max(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint
FROM tree t
JOIN pg_catalog.pg_locks l ON l.relation = t.relation AND l.locktype = 'relation' AND l.granted
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND a.xact_start < clock_timestamp() - make_interval(secs => $2)
GROUP BY t.root, a.pid, a.application_name, a.usename, a.state
ORDER BY 7 DESC
"""
#: A step that needs a strong lock waits for who holds another for longer than this.
LOCKED_SECONDS = 5

#: Triggers named as ours, with their function, unless they hang on a parent's.
_TRIGGERS = """
SELECT t.tgrelid::int8, t.tgrelid::regclass::text, t.tgname::text, n.nspname::text, p.proname::text,
       EXISTS (SELECT FROM pg_catalog.pg_class k JOIN pg_catalog.pg_namespace l ON l.oid = k.relnamespace
               WHERE k.relname = 'schema_version' AND l.nspname || $1 = n.nspname)
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE t.tgname LIKE '~ec\\_%' AND t.tgparentid = 0 AND pg_catalog.right(n.nspname, pg_catalog.length($1)) = $1
ORDER BY 2, 3
"""

#: $1: tables.
_OWNED_BY_OTHERS = """
SELECT c.oid::int8, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)),
       pg_catalog.quote_ident(CURRENT_USER)
FROM pg_catalog.pg_class c
WHERE c.oid = ANY ($1::oid[]) AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
"""


async def examine(context: Context) -> tuple[Finding, ...]:
    """Return what was found, from the connection outward. Raises nothing but Interrupted: what fails is a
    finding.
    """
    found: list[Finding] = []
    for look in (
        _server,
        _transport,
        _direct,
        _horizon,
        _prepared,
        _standbys,
        _slots,
        _statements,
        _marking,
        _changes,
        _owners,
        _left_over,
    ):
        try:
            found += await look(context)
        except (EcError, DBAPIError) as error:
            known = translate(error)
            found.append(
                Finding(
                    look.__name__.strip("_"),
                    well=False,
                    sentence=f"{known.message} {known.why}".strip(),
                    next=known.next,
                )
            )
            if look is _server:
                break
    return tuple(found)


async def _server(context: Context) -> list[Finding]:
    version = await context.database.server_version()
    return [
        Finding(
            "server",
            well=True,
            sentence=f"PostgreSQL {version // 10000}.{version % 10000}, reached at "
            f"{context.database.address}.",
        )
    ]


async def _transport(context: Context) -> list[Finding]:
    """By which TLS the server is reached. That there is none is for the operator to judge, unless a setting
    forbids it: then there is no connection.
    """
    async with context.database.transaction() as conn:
        found = await transport.look(conn)
    sentence = f"The way to the server: {found}."
    if found.version is not None and found.server_version is None:
        sentence += " A pooler ends it: between that and the server there is no TLS."
    mend = "" if found.by_socket or found.by_name else "sslmode=verify-full and sslrootcert=FILE in the URL"
    return [Finding("transport", well=True, sentence=sentence, next=mend)]


async def _direct(context: Context) -> list[Finding]:
    async with context.database.direct() as conn:
        await conn.exec_driver_sql("SELECT 1")
    return [
        Finding(
            "direct",
            well=True,
            sentence="Steps that cannot run in a transaction have a session of their own.",
        )
    ]


async def _horizon(context: Context) -> list[Finding]:
    async with context.database.transaction() as conn:
        held = await rows(conn, _HORIZON, HELD_SECONDS)
    if not held:
        return [
            Finding("horizon", well=True, sentence="No old transaction keeps dead rows from being pruned.")
        ]
    names = "; ".join(f"pid {pid} ({name or 'unnamed'}), {seconds:,} s" for pid, name, seconds in held)
    return [
        Finding(
            "horizon",
            well=False,
            sentence=f"Old transactions keep dead rows, so tables grow while rows are copied: {names}.",
        )
    ]


async def _prepared(context: Context) -> list[Finding]:
    async with context.database.transaction() as conn:
        left = await rows(conn, _PREPARED)
    if not left:
        return [Finding("prepared transactions", well=True, sentence="None is left open.")]
    told = "; ".join(f"{gid} of {owner}, {seconds:,} s old" for gid, owner, seconds in left[:MOST_NAMED])
    more = f"; and {len(left) - MOST_NAMED:,} more" if len(left) > MOST_NAMED else ""
    if all(seconds < HELD_SECONDS for _, _, seconds in left):
        sentence = f"Open at this moment, as a transaction manager leaves them: {told}{more}."
        return [Finding("prepared transactions", well=True, sentence=sentence)]
    sentence = (
        f"Open, and holding locks: {told}{more}. Each may be one half of somebody's work that is committed "
        "elsewhere: only the transaction manager that prepared it knows whether to commit it."
    )
    return [Finding("prepared transactions", well=False, sentence=sentence)]


async def _standbys(context: Context) -> list[Finding]:
    async with context.database.transaction() as conn:
        names = await _names(
            conn,
            "SELECT application_name FROM pg_catalog.pg_stat_replication WHERE state = 'streaming' ORDER "
            "BY 1",
        )
    if not names:
        return [Finding("standbys", well=True, sentence="No standby streams from this server.")]
    return [
        Finding(
            "standbys",
            well=True,
            sentence=f"{', '.join(names)}: queries there that hold back replay of our brief locks may be "
            "cancelled.",
        )
    ]


async def _slots(context: Context) -> list[Finding]:
    """Slots that do not advance: that of a subscriber which lacks a column stands still, and keeps WAL."""
    async with context.database.transaction() as conn:
        standing = await rows(conn, _SLOTS)
    told = (
        f"{name} ({'read' if active else 'read by nobody'}, {status or 'lost'}, {kept or 'nothing'} retained)"
        for name, active, status, kept in standing[:MOST_NAMED]
    )
    if not standing:
        return []
    return [
        Finding(
            "replication slots",
            well=False,
            sentence=f"Logical slots that do not advance: {'; '.join(told)}. A subscriber that lacks a "
            "column of a published table has stopped, and says so in its server's log.",
            next="On the subscriber: add the column that its log names; a slot that nobody needs: "
            "SELECT pg_drop_replication_slot(...)",
        )
    ]


async def _marking(context: Context) -> list[Finding]:
    """Whether what is copied could be marked for those who decode the WAL; nothing where nobody can."""
    async with context.database.transaction() as conn:
        if not await origin.is_decoded(conn):
            return []
        missing = await origin.missing(conn)
    if missing:
        sentence = "Rows that are copied cannot be marked with a replication origin by this role."
        grant = f"GRANT EXECUTE ON FUNCTION {', '.join(missing)} TO the role"
        return [Finding("replication origins", well=not context.origin, sentence=sentence, next=grant)]
    how = f"are marked {context.origin}_0, ..." if context.origin else "can be marked: --replication-origin"
    sentence = f"For consumers of logical replication, rows that are copied {how}."
    return [Finding("replication origins", well=True, sentence=sentence)]


#: What it takes that gates see who reads an old side.
_TO_SEE = {
    Source.ABSENT: "CREATE EXTENSION pg_stat_statements, with it in shared_preload_libraries",
    Source.UNLOADED: "Add pg_stat_statements to shared_preload_libraries and restart the server",
    Source.OUTDATED: "ALTER EXTENSION pg_stat_statements UPDATE",
    Source.UNCOUNTED: "ALTER SYSTEM SET pg_stat_statements.track = 'top', and compute_query_id = 'auto'; "
    "SELECT pg_reload_conf()",
    Source.HIDDEN: "GRANT pg_read_all_stats TO the role that runs ec",
}


async def _statements(context: Context) -> list[Finding]:
    async with context.database.transaction() as conn:
        source = (await statements.read(conn, [])).source
    if source == Source.READ:
        return [Finding("statements", well=True, sentence="pg_stat_statements tells who reads an old side.")]
    sentence = "Readers of an old side are not seen: contract relies on what else is known of old code."
    return [Finding("statements", well=True, sentence=sentence, next=_TO_SEE[source])]


async def _names(conn: AsyncConnection, query: str) -> list[str]:
    return [str(name) for name in (await conn.exec_driver_sql(query)).scalars()]


async def _owners(context: Context) -> list[Finding]:
    """Tables of open changes that this role may not alter any more."""
    open_ = await _open(context)
    async with context.database.transaction() as conn:
        foreign = {
            relation: (owner, role)
            for relation, owner, role in await rows(conn, _OWNED_BY_OTHERS, [s.relation for s in open_])
        }
    return [
        Finding(
            situation.name,
            well=False,
            sentence=f"{role} is no member of {owner}, the owner of {situation.plan.table}: it may compare "
            "rows, but not settle, contract, undo or roll back.",
            next=f"GRANT {owner} TO {role}",
        )
        for situation in open_
        for owner, role in [foreign.get(situation.relation, (None, None))]
        if owner is not None
    ]


async def _open(context: Context) -> list[Situation]:
    return [each for each in await situations.load(context) if each.state in (State.ACTIVE, State.HIDDEN)]


async def _left_over(context: Context) -> list[Finding]:
    """Triggers of ours that no ledger answers for: it was dropped, or forgot the change."""
    async with context.database.transaction() as conn:
        found = await rows(conn, _TRIGGERS, sync_schema(""))
    try:
        known = {kept.trigger for each in await _open(context) for kept in each.plan.upkeep}
    except LedgerMissing:
        known = set()
    orphans = [
        each for each in found
        if (each[3] == context.tables.sync_schema or not each[5]) and each[2] not in known
    ]  # fmt: skip
    return [_orphan(*each[1:5]) for each in orphans]


def _orphan(table: str, trigger: str, schema: str, function: str) -> Finding:
    called = RelationName(schema, function).sql
    return Finding(
        "left over",
        well=False,
        sentence=f"Trigger {quote(trigger)} on {table} is one of ec's, and no open change knows it: "
        "writes call it for nothing, and fail once what it calls is gone. Its columns are yours to judge.",
        next=f"DROP TRIGGER {quote(trigger)} ON {table}; DROP FUNCTION IF EXISTS {called}() CASCADE",
    )


async def _changes(context: Context) -> list[Finding]:
    found = [Finding("ledger", well=True, sentence="The ledger is there and of this version.")]
    open_ = await _open(context)
    async with context.database.transaction() as conn:
        tables = [table for each in open_ for table in (each.relation, *each.others)]
        held = await rows(conn, _HELD, tables, LOCKED_SECONDS)
    locks = defaultdict(list)
    for relation, *who in held:
        locks[relation].append(_holder(*who))
    return found + [
        health.of(each, [who for table in (each.relation, *each.others) for who in locks[table]])
        for each in open_
    ]


def _holder(pid: int, application: str, role: str, state: str, mode: str, seconds: int) -> str:
    return f"pid {pid} ({application or 'unnamed'}, role {role}, {state}) has held {mode} for {seconds:,} s"
