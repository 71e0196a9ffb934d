"""The writer of `lease`: who is at work on a change, known alive by a heartbeat, and fenced by a token."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event, mutex
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import EcError, LeaseHeld, LeaseLost
from expandcontract.model.events import Listener, TookOver, ignore
from expandcontract.model.records import Holder
from expandcontract.postgres.connect import Database
from expandcontract.postgres.message import Query, inlined, send
from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import INSUFFICIENT_PRIVILEGE, sqlstate

#: For how long a silent holder keeps its lease, and how often it beats.
TTL_SECONDS = 10.0
BEAT_SECONDS = 2.5
#: A process that is stopped while it takes or prolongs its lease must keep neither the row nor the turn.
_SILENCE = timedelta(seconds=TTL_SECONDS)
#: How often a holder that is dying is looked at, and a broken heartbeat is tried again.
_RETRY_SECONDS = 0.05
#: Leases of a change are taken one at a time, each in a moment. Not under the change's row, which a step's
#: transaction may hold for long.
_PATIENCE = timedelta(seconds=10)
#: Giving a lease back is not worth a longer wait: it ends by itself.
_RELEASE_SECONDS = 2.5
#: How long a session that is ended may take to go.
_END_MILLISECONDS = 5000


@dataclass(frozen=True)
class Lease:
    """A lease that this process holds.

    `alone` says that nobody else held one when it was taken: what others have leased of the change is void.
    `lost` is set when the heartbeat finds that somebody took over, or was silent for too long.
    """

    change_id: int
    token: UUID
    exclusive: bool
    alone: bool
    lost: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class _Wanted:
    change_id: int
    token: UUID
    exclusive: bool
    verb: str
    who: str


@dataclass(frozen=True)
class _Other:
    """Somebody else's lease. `dying`: its process is gone, but its session or its last transaction is not."""

    exclusive: bool
    holder: Holder
    dying: bool


class _Waiting(Exception):
    """Somebody who is dying has the lease still."""


@asynccontextmanager
async def acquire(
    database: Database,
    tables: Tables,
    change_id: int,
    *,
    verb: str,
    exclusive: bool,
    who: str,
    listen: Listener = ignore,
) -> AsyncIterator[Lease]:
    """Hold a lease on a change while the body runs.

    An exclusive lease excludes every other, a shared one the exclusive. A holder that is dead is taken over:
    it was silent for ten seconds, or its session is gone from the server, which is so a moment after kill -9.
    Behind a pooler sessions change hands, so that there the ten seconds decide.

    Raises:
        LeaseHeld: somebody else is alive; the message names them.
    """
    wanted = _Wanted(change_id, uuid4(), exclusive, verb, who)
    async with database.session() as conn:
        lease, buried = await _take_patiently(database, conn, tables, wanted)
        for taken_over in buried:
            listen(taken_over)
        beating = asyncio.create_task(_keep_beating(database, conn, tables, lease))
        try:
            yield lease
        finally:
            beating.cancel()
            await asyncio.wait([beating])
            await _release(database, tables, lease)


async def check(conn: AsyncConnection, tables: Tables, change_id: int, token: UUID) -> None:
    """Make sure, inside a step's transaction, that the lease is held; nobody takes it over before that ends.

    Raises:
        LeaseLost: somebody took over.
    """
    if not await value(conn, f"SELECT {held(tables)}", change_id, token):
        raise lost()


@asynccontextmanager
async def transaction(
    database: Database,
    tables: Tables,
    lease: Lease,
    *,
    patient: bool = False,
    statement_timeout: timedelta | None = None,
) -> AsyncIterator[AsyncConnection]:
    """Run the body in a transaction, as `Database.transaction` does, that does what `check` does by
    the message with which it begins.

    Raises:
        LeaseLost: somebody took over.
    """
    error = lost()
    guard = Query(
        f"SELECT {tables.qualified('refuse')}($3, $4) WHERE NOT {held(tables)}",
        (lease.change_id, lease.token, error.message, error.code),
    )
    try:
        async with database.transaction(
            patient=patient, statement_timeout=statement_timeout, first=(guard,)
        ) as conn:
            yield conn
    except DBAPIError as failure:
        if sqlstate(failure) == error.code:
            raise error from failure
        raise


def held(tables: Tables) -> str:
    """Return the condition that the lease $2 of the change $1 is held, which keeps it so until the
    transaction ends.
    """
    # FOR KEY SHARE, not FOR SHARE: a heartbeat may update the row meanwhile; a take-over, a DELETE, waits.
    mine = f"SELECT FROM {tables.qualified('lease')} WHERE change_id = $1 AND token = $2 FOR KEY SHARE"
    return f"EXISTS ({mine})"


def waiting(tables: Tables, token: UUID, waits: Mapping[str, str] | None) -> Query:
    """Return the statement that says what the holder of a lease waits for (kind: lock or snapshot; detail);
    None: for nothing.
    """
    since = "pg_catalog.jsonb_build_object('since', pg_catalog.clock_timestamp())"
    told = "NULL" if waits is None else f"{since} || $2::pg_catalog.text::pg_catalog.jsonb"
    values = (token,) if waits is None else (token, json.dumps(waits))
    return Query(f"UPDATE {tables.qualified('lease')} SET waits = {told} WHERE token = $1", values)


async def go_apart(conn: AsyncConnection, tables: Tables, lease: Lease, pid: int) -> None:
    """Make sure that the lease is held, and keep that `pid` is the session that now does for it what cannot
    be in a transaction. Whoever takes over from here on ends that session first.

    Raises:
        LeaseLost: somebody took over.
    """
    query = (
        f"UPDATE {tables.qualified('lease')} SET (apart_pid, apart_start) = (SELECT a.pid, a.backend_start "
        "FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1) WHERE change_id = $2 AND token = $3"
    )
    if (await conn.exec_driver_sql(query, (pid, lease.change_id, lease.token))).rowcount == 0:
        raise lost()


async def _take_patiently(
    database: Database, conn: AsyncConnection, tables: Tables, wanted: _Wanted
) -> tuple[Lease, list[TookOver]]:
    """Take the lease; wait for holders that are dying, but not longer than their lease can last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + TTL_SECONDS + 1
    while True:
        try:
            async with database.transaction_on(conn, silence=_SILENCE):
                return await _take(conn, tables, wanted, patient=loop.time() < deadline)
        except _Waiting:
            await asyncio.sleep(_RETRY_SECONDS)


async def _take(
    conn: AsyncConnection, tables: Tables, wanted: _Wanted, *, patient: bool
) -> tuple[Lease, list[TookOver]]:
    """Take the lease, one process at a time, and commit. Raises LeaseHeld, or _Waiting while `patient`."""
    await mutex.take(conn, "expandcontract.lease", wanted.change_id, patience=_PATIENCE)
    others, dead = await _others(conn, tables, wanted.change_id), list[TookOver]()
    if not all(other.holder.alive for other in others):
        dead = await _bury(conn, tables, wanted)
        others = await _others(conn, tables, wanted.change_id)
    if patient and any(other.dying for other in others):
        raise _Waiting
    for other in others:
        if wanted.exclusive or other.exclusive:
            raise _held(other)
    await send(conn, *inlined(conn, await _inserting(conn, tables, wanted)), "COMMIT")
    return Lease(wanted.change_id, wanted.token, wanted.exclusive, alone=not others), dead


async def _bury(conn: AsyncConnection, tables: Tables, wanted: _Wanted) -> list[TookOver]:
    """Remove the leases of the dead. A row that is locked belongs to a transaction that has not ended yet."""
    dead = (
        f"SELECT l.token FROM {tables.qualified('lease')} l "
        f"JOIN {tables.qualified('holder')} h ON h.token = l.token "
        "WHERE l.change_id = $1 AND NOT h.alive FOR UPDATE OF l SKIP LOCKED"
    )
    tokens = list((await conn.exec_driver_sql(dead, (wanted.change_id,))).scalars())
    if not tokens:
        return []
    await _end_apart(conn, tables, tokens)
    query = (
        f"DELETE FROM {tables.qualified('lease')} WHERE token = ANY ($2) RETURNING verb, host, pid, who, "
        f"until, (SELECT name FROM {tables.qualified('change')} WHERE id = $1) AS name"
    )
    buried = []
    for row in (await conn.exec_driver_sql(query, (wanted.change_id, tokens))).all():
        holder, name = str(Holder(row.verb, row.host, row.pid, row.who, row.until, alive=False)), row.name
        data = {"holder": holder}
        await event.write(conn, tables, "taken over", wanted.who, change_id=wanted.change_id, data=data)
        buried.append(TookOver(name, holder))
    return buried


async def _end_apart(conn: AsyncConnection, tables: Tables, tokens: list[UUID]) -> None:
    """End the sessions in which the dead were about to do what cannot be in a transaction: one that was only
    stopped would do it when it goes on. What is under way already comes to its end, and is adopted.

    Raises LeaseHeld when a session cannot be ended.
    """
    # Who is at work is seen once in a transaction, and was before the rows were locked.
    await conn.exec_driver_sql("SELECT pg_catalog.pg_stat_clear_snapshot()")
    query = (
        f"SELECT a.pid FROM {tables.qualified('lease')} l JOIN pg_catalog.pg_stat_activity a "
        "ON a.pid = l.apart_pid AND coalesce(a.backend_start = l.apart_start, true) "
        "WHERE l.token = ANY ($1) AND a.state IS DISTINCT FROM 'active'"
    )
    for pid in (await conn.exec_driver_sql(query, (tokens,))).scalars().all():
        try:
            async with conn.begin_nested():
                end = "SELECT pg_catalog.pg_terminate_backend($1, $2)"
                ended = (await conn.exec_driver_sql(end, (pid, _END_MILLISECONDS))).scalar_one()
        except DBAPIError as error:
            if sqlstate(error) != INSUFFICIENT_PRIVILEGE:
                raise
            ended = False
        if not ended:
            raise LeaseHeld(
                f"A process that is silent holds this change by its session, pid {pid}.",
                why="It may go on at any moment with what it was about to do, and this role cannot end it.",
                next=f"SELECT pg_terminate_backend({pid}), as its role or a superuser; then the same command",
            )


async def _others(conn: AsyncConnection, tables: Tables, change_id: int) -> Sequence[_Other]:
    query = (
        "SELECT exclusive, verb, host, pid, who, until, alive "
        f"FROM {tables.qualified('holder')} WHERE change_id = $1 ORDER BY exclusive DESC, acquired_at"
    )
    found = []
    for row in (await conn.exec_driver_sql(query, (change_id,))).all():
        holder = Holder(row.verb, row.host, row.pid, row.who, row.until, row.alive)
        found.append(_Other(row.exclusive, holder, dying=not holder.alive or _process_is_gone(holder)))
    return found


async def _inserting(conn: AsyncConnection, tables: Tables, wanted: _Wanted) -> Query:
    return Query(
        f"INSERT INTO {tables.qualified('lease')} (token, change_id, exclusive, verb, who, host, pid, until, "
        "backend_pid, backend_start, database_oid) "
        f"SELECT $3::uuid, $4, $5, $6, $7, $8, $9, {_UNTIL}, {_SESSION}, "
        "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
        (
            *(TTL_SECONDS, await _told_pid(conn), wanted.token, wanted.change_id, wanted.exclusive),
            *(wanted.verb, wanted.who, socket.gethostname(), os.getpid()),
        ),
    )


#: $1 is how long the lease lasts.
_UNTIL = "pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $1)"
#: This session's process id and start. $2 is the id that the driver was told: a pooler makes one up, which
#: gives NULL.
_SESSION = """
(SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() AND pid = $2),
(SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() AND pid = $2)
"""


async def _keep_beating(database: Database, conn: AsyncConnection, tables: Tables, lease: Lease) -> None:
    """Prolong the lease until it is lost."""
    loop = asyncio.get_running_loop()
    last, pause = loop.time(), BEAT_SECONDS
    while not lease.lost.is_set():
        await asyncio.sleep(pause)
        try:
            async with asyncio.timeout(TTL_SECONDS):
                alive = await _beat(database, conn, tables, lease)
        except (DBAPIError, EcError, OSError):
            # The next use of an invalidated connection makes a new one.
            await conn.invalidate()
            alive = loop.time() - last < TTL_SECONDS
            # Who gave the server up is about to end, and asks it no more often than before.
            pause = BEAT_SECONDS if database.given_up else _RETRY_SECONDS
        else:
            last, pause = loop.time(), BEAT_SECONDS
        if not alive:
            lease.lost.set()


async def _beat(database: Database, conn: AsyncConnection, tables: Tables, lease: Lease) -> bool:
    async with database.transaction_on(conn, silence=_SILENCE):
        beaten = await conn.exec_driver_sql(
            f"UPDATE {tables.qualified('lease')} SET until = {_UNTIL}, "
            f"(backend_pid, backend_start) = (SELECT {_SESSION}) WHERE token = $3",
            (TTL_SECONDS, await _told_pid(conn), lease.token),
        )
    return beaten.rowcount == 1


async def _release(database: Database, tables: Tables, lease: Lease) -> None:
    """Give the lease back. Where that fails it ends by itself: the session that beats is about to close."""
    with suppress(DBAPIError, EcError, OSError):
        async with asyncio.timeout(_RELEASE_SECONDS):
            mine = delete(tables.lease).where(tables.lease.c.token == lease.token)
            try:
                await database.at_once(mine)
            except DBAPIError:  # the connection had died in the pool, say
                async with database.transaction() as conn:
                    await conn.execute(mine)


async def _told_pid(conn: AsyncConnection) -> int:
    raw: Any = (await conn.get_raw_connection()).driver_connection
    return int(raw.get_server_pid())


def _process_is_gone(holder: Holder) -> bool:
    """Whether the holder was a process of this machine and is none any more. Its session ends in a moment."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # somebody else's process
    return False


def lost() -> LeaseLost:
    """Return the error of a process that was taken over."""
    return LeaseLost(
        "Another process took over this change.",
        why="This process was silent for longer than its lease.",
        state="This process stopped without writing.",
        next="ec status",
    )


def _held(other: _Other) -> LeaseHeld:
    why = "Its last transaction is still open on the server." if not other.holder.alive else ""
    return LeaseHeld(
        f"{other.holder} is at work on this change.",
        why=why or f"Its lease lasts until {other.holder.until:%H:%M:%S %Z} and is prolonged while it runs.",
        next="Run the same command again when it has ended.",
    )
