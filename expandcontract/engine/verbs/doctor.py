"""`ec doctor`: look at server, connection, ledger and changes for what will cause trouble. Only reads."""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.model.errors import EcError
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation, Source
from expandcontract.postgres import origin, statements
from expandcontract.postgres.query import rows
from expandcontract.postgres.sqlstate import translate


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `well` is False for what needs attention; `next` is the line that mends
    it.
    """

    subject: str
    well: bool
    sentence: str
    next: str = ""


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
    for look in (_server, _direct, _horizon, _prepared, _standbys, _statements, _marking, _changes, _owners):
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
        left = (
            (
                await conn.exec_driver_sql(
                    "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()"
                )
            )
            .scalars()
            .all()
        )
    if not left:
        return [Finding("prepared transactions", well=True, sentence="None is left open.")]
    return [
        Finding(
            "prepared transactions",
            well=False,
            sentence=f"Open, and holding locks: {', '.join(left)}.",
            next=f"ROLLBACK PREPARED '{left[0]}'",
        )
    ]


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
    open_ = {s.relation: s for s in await situations.load(context) if s.state in (State.ACTIVE, State.HIDDEN)}
    async with context.database.transaction() as conn:
        foreign = await rows(conn, _OWNED_BY_OTHERS, list(open_))
    return [
        Finding(
            open_[relation].name,
            well=False,
            sentence=f"{role} is no member of {owner}, the owner of {open_[relation].plan.table}: it may "
            "compare rows, but not settle, contract, undo or roll back.",
            next=f"GRANT {owner} TO {role}",
        )
        for relation, owner, role in foreign
    ]


async def _changes(context: Context) -> list[Finding]:
    found = [Finding("ledger", well=True, sentence="The ledger is there and of this version.")]
    for situation in await situations.load(context):
        if situation.state in (State.ACTIVE, State.HIDDEN):
            found += _change(situation)
    return found


def damage(situation: Situation) -> tuple[str, ...]:
    """Return in sentences what somebody did to an open change: to its trigger, functions or columns, to its
    proof, to what its new side had.
    """
    live, proof = situation.live, situation.proof
    spoiled = proof.differences if proof is not None and situation.state == State.ACTIVE else ()
    proofs = (f"The proof does not hold any more: {'; '.join(spoiled)}.",) if spoiled else ()
    return (*live.sync_faults, *proofs, *(lost.sentence(situation.plan) for lost in live.lost))


def _change(situation: Situation) -> list[Finding]:
    name = situation.name
    faults = damage(situation)
    if situation.live.is_copy:
        copied = (
            f"{name} was started in another database, of which this is a copy: leases and proofs are void."
        )
        verb = "undo" if situation.state == State.HIDDEN else "rollback"
        return [Finding(name, well=False, sentence=copied, next=f"ec {verb} {name}")]
    if faults:
        mends = "ec doctor --repair" if situation.state == State.HIDDEN else f"ec backfill {name}"
        return [Finding(name, well=False, sentence=" ".join(faults), next=mends)]
    dead = [holder for holder in situation.holders if not holder.alive]
    if dead:
        return [
            Finding(
                name, well=True, sentence=f"{dead[0]} is gone; its lease is taken over by the next command."
            )
        ]
    return [Finding(name, well=True, sentence="What keeps its sides in sync stands.")]
