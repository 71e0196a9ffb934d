"""`ec doctor`: look at server, connection, ledger and changes for what will cause trouble. Only reads."""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.model.errors import EcError
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation
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


async def examine(context: Context) -> tuple[Finding, ...]:
    """Return what was found, from the connection outward. Raises nothing but Interrupted: what fails is a
    finding.
    """
    found: list[Finding] = []
    for look in (_server, _direct, _horizon, _prepared, _standbys, _changes):
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


async def _names(conn: AsyncConnection, query: str) -> list[str]:
    return [str(name) for name in (await conn.exec_driver_sql(query)).scalars()]


async def _changes(context: Context) -> list[Finding]:
    found = [Finding("ledger", well=True, sentence="The ledger is there and of this version.")]
    for situation in await situations.load(context):
        if situation.state in (State.ACTIVE, State.HIDDEN):
            found += _change(situation)
    return found


def _change(situation: Situation) -> list[Finding]:
    name = situation.name
    faults = list(situation.live.sync_faults)
    if situation.live.is_copy:
        copied = (
            f"{name} was started in another database, of which this is a copy: leases and proofs are void."
        )
        verb = "undo" if situation.state == State.HIDDEN else "rollback"
        return [Finding(name, well=False, sentence=copied, next=f"ec {verb} {name}")]
    if faults:
        return [Finding(name, well=False, sentence=" ".join(faults), next=f"ec backfill {name}")]
    dead = [holder for holder in situation.holders if not holder.alive]
    if dead:
        return [
            Finding(
                name, well=True, sentence=f"{dead[0]} is gone; its lease is taken over by the next command."
            )
        ]
    return [Finding(name, well=True, sentence="What keeps its sides in sync stands.")]
