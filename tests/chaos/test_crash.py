"""Deaths that no kill point names: of the server, of a connection, of the client of a build; and processes
that only sleep.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, rollback
from expandcontract.model.errors import EcError, GateShut, LeaseHeld, LockBudgetSpent, WrongState
from expandcontract.model.events import Event, LockTried, WaitingForSnapshots, ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from tests.chaos import life
from tests.chaos.life import EXAMPLES, ROWS, TABLE
from tests.chaos.nursery import DIED, ENDED, STOPPED, Nursery, Outcome
from tests.conftest import SETTINGS, VERSION
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

RENAME = EXAMPLES["rename"]
CHANGE = RENAME.change
NAME = CHANGE.name
SLOW = backfill.BackfillOptions(batch=20, max_rate=300)


@asynccontextmanager
async def _started(url: str, rows: int = ROWS) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Make the table and start the change; give a session of the application."""
    application: asyncpg.Connection[Any] = await asyncpg.connect(url, statement_cache_size=0)
    await application.execute(TABLE.replace(f"generate_series(1, {ROWS})", f"generate_series(1, {rows})"))
    await life.act(url, RENAME, "init")
    await life.act(url, RENAME, "start")
    try:
        yield application
    finally:
        await application.close()


async def _require_each_written_once(application: "asyncpg.Connection[Any]", rows: int = ROWS) -> None:
    """Every row is in sync, and `ec` wrote each once: what it counted is what it did."""
    assert (
        await application.fetchval("SELECT count(*) FROM people WHERE name IS DISTINCT FROM display_name")
        == 0
    )
    assert await application.fetchval("SELECT count(*) FROM written") == rows
    assert await application.fetchval("SELECT count(DISTINCT id) FROM written") == rows
    assert (
        await application.fetchval("SELECT sum(rows) FROM expandcontract.chunk WHERE purpose = 'copy'")
        == rows
    )


async def _until(application: "asyncpg.Connection[Any]", condition: str) -> None:
    await until(lambda: application.fetchval(f"SELECT {condition}"))


async def test_a_crash_of_the_server_in_the_middle_of_the_backfill() -> None:
    """An immediate stop: whatever the process says, the same command ends as if nothing had been, and no
    write of the application is lost.
    """
    with Server.start(VERSION, SETTINGS | {"fsync": "on"}) as server:
        url = server.url()
        async with _started(url) as application:
            work = asyncio.create_task(life.act(url, RENAME, "backfill", options=SLOW))
            await _until(application, "count(*) > 100 FROM written")
            await application.execute("UPDATE people SET name = 'kept' WHERE id = 299")
            await asyncio.to_thread(server.restart, "immediate")
            await asyncio.gather(work, return_exceptions=True)
        error = work.exception()
        assert error is None or isinstance(error, (EcError, DBAPIError)), error
        await life.act(url, RENAME, "backfill")
        again: asyncpg.Connection[Any] = await asyncpg.connect(url)
        assert await again.fetchval("SELECT display_name FROM people WHERE id = 299") == "kept"
        await again.execute(
            "INSERT INTO written SELECT 299 WHERE NOT EXISTS (SELECT FROM written WHERE id = 299)"
        )
        assert (
            await again.fetchval("SELECT count(*) FROM people WHERE name IS DISTINCT FROM display_name") == 0
        )
        assert await again.fetchrow("SELECT count(*), count(DISTINCT id) FROM written") == (ROWS, ROWS)
        await again.close()


async def test_connections_that_are_cut_in_the_middle_of_the_backfill(database: str) -> None:
    """pg_terminate_backend of all its sessions, the one with the heartbeat too: the work goes on, or the same
    command does.
    """
    async with _started(database) as application:
        work = asyncio.create_task(life.act(database, RENAME, "backfill", options=SLOW))
        for rows in (50, 150):
            await _until(application, f"count(*) > {rows} FROM written")
            await application.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name LIKE 'ec%' AND datname = current_database()"""
            )
        await asyncio.gather(work, return_exceptions=True)
        error = work.exception()
        assert error is None or isinstance(error, (EcError, DBAPIError)), error
        await life.act(database, RENAME, "backfill")
        await _require_each_written_once(application)


async def test_a_build_that_outlived_its_client_is_adopted(database: str, nursery: Nursery) -> None:
    """Kill -9 of the client of CREATE INDEX CONCURRENTLY: the second run waits for the server's build and
    takes it, instead of another.
    """
    async with _started(database) as application:
        stopped = await _run(
            nursery, database, "backfill", kill=("backfill.index:ix_people_name.begun", 1), signal="SIGSTOP"
        )
        assert stopped.how == STOPPED
        async with application.transaction():
            await application.execute("UPDATE people SET pad = 'in the way' WHERE id = 1")
            other: asyncpg.Connection[Any] = await asyncpg.connect(database)
            nursery.nudge(stopped.pid)
            # The server names the table first, and the index only when its catalog row is written.
            await _until(other, "count(*) FROM pg_stat_progress_create_index WHERE index_relid <> 0")
            built = await other.fetchval("SELECT index_relid FROM pg_stat_progress_create_index")
            assert (await asyncio.to_thread(nursery.kill, stopped.pid)).how == DIED
            events: list[Event] = []
            work = asyncio.create_task(life.act(database, RENAME, "backfill", events.append))
            await until(lambda: any(isinstance(event, WaitingForSnapshots) for event in events), work)
        await work
        assert await other.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = $1", built)
        assert await other.fetchval("SELECT $1::oid::regclass::text", built) == "ix_people_display_name"
        await other.close()


async def test_a_build_that_died_with_its_server_session_is_made_anew(database: str) -> None:
    """The session of CREATE INDEX CONCURRENTLY is cut: what it leaves is removed, no invalid index stays."""
    async with _started(database) as application:
        holder: asyncpg.Connection[Any] = await asyncpg.connect(database)
        await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        work = asyncio.create_task(life.act(database, RENAME, "backfill"))
        builds = "pg_stat_progress_create_index WHERE datname = current_database()"
        await _until(application, f"count(*) FROM {builds}")
        await application.execute(f"SELECT pg_terminate_backend(pid) FROM {builds}")
        await _until(application, f"count(*) = 0 FROM {builds}")
        await holder.execute("COMMIT")
        await holder.close()
        await asyncio.gather(work, return_exceptions=True)
        await life.act(database, RENAME, "backfill")
        assert await application.fetchval(
            "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'people'::regclass"
        )


async def test_a_build_waits_for_an_old_snapshot_and_succeeds(database: str) -> None:
    """An open transaction does not make CREATE INDEX CONCURRENTLY fail, however short lock_timeout is; it is
    named.
    """
    async with _started(database) as application:
        holder: asyncpg.Connection[Any] = await asyncpg.connect(
            database, server_settings={"application_name": "report"}
        )
        await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        events: list[Event] = []
        work = asyncio.create_task(life.act(database, RENAME, "backfill", events.append))
        await until(lambda: any(isinstance(event, WaitingForSnapshots) for event in events), work)
        await holder.execute("COMMIT")
        await work
        (named, *_) = [event for event in events if isinstance(event, WaitingForSnapshots)]
        assert [blocker.application_name for blocker in named.blockers] == ["report"]
        assert await application.fetchval(
            "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'people'::regclass"
        )
        await holder.close()


async def test_a_lock_that_is_never_released(database: str) -> None:
    """The tries end with the budget, with the blocker named and exit code 5; the same command goes on when
    the lock is free.
    """
    async with _started(database) as application:
        await life.act(database, RENAME, "backfill")
        await life.write(application, RENAME, 1)
        holder: asyncpg.Connection[Any] = await asyncpg.connect(
            database, server_settings={"application_name": "report"}
        )
        await holder.execute("BEGIN; SELECT FROM people LIMIT 1")
        events: list[Event] = []
        connected = Database(database)
        context = Context(
            connected,
            Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1), lock_budget=timedelta(seconds=2)),
            events.append,
            "test",
        )
        with pytest.raises(LockBudgetSpent) as refused:
            await contract.contract(context, NAME)
        assert refused.value.exit_code == 5
        assert "report" in refused.value.why
        assert any(isinstance(event, LockTried) for event in events)
        # Nobody is kept waiting by what is left.
        await application.execute(
            "SET lock_timeout = '100ms'; UPDATE people SET display_name = 'free' WHERE id = 5"
        )
        await holder.execute("COMMIT")
        await holder.close()
        situation = await contract.contract(context, NAME)
        assert situation.state == "hidden"
        await connected.close()


async def _killed_and_resumed(database: str, nursery: Nursery, rows: int) -> None:
    """Kill -9 a backfill, ask for contract, go on: from the checkpoint, no row twice."""
    async with _started(database, rows) as application:
        await application.execute("ANALYZE people")
        killed = await _run(
            nursery, database, "backfill", kill=("copy.batch.before", rows // 2_000), batch=1_000
        )
        assert killed.how == DIED
        before = await application.fetchval("SELECT count(*) FROM written")
        assert rows / 4 < before < rows
        with pytest.raises(WrongState) as refused:
            await life.act(database, RENAME, "contract")
        said = re.search(r"([\d,]+) of ([\d,]+) blocks are left, about ([\d,]+) rows", refused.value.why)
        assert said, refused.value.why
        left, blocks, about = (int(number.replace(",", "")) for number in said.groups())
        assert 0 < left < blocks
        assert 0 < about <= 1.1 * (rows - before) + 1_000
        await life.act(database, RENAME, "backfill", options=backfill.BackfillOptions(batch=1_000))
        await _require_each_written_once(application, rows)


async def test_a_killed_backfill_of_many_rows_goes_on_from_its_checkpoint(
    database: str, nursery: Nursery
) -> None:
    """50,000 rows."""
    await _killed_and_resumed(database, nursery, 50_000)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_killed_backfill_of_very_many_rows_goes_on_from_its_checkpoint(
    database: str, nursery: Nursery
) -> None:
    """200,000 rows."""
    await _killed_and_resumed(database, nursery, 200_000)


async def test_verbs_that_want_a_change_alone_name_who_has_it(database: str, nursery: Nursery) -> None:
    """While a backfill is at work contract is refused, and rollback names it; while a verification is,
    contract is refused as well.
    """
    async with _started(database):
        context = Context(
            Database(database), Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1)), ignore, "test"
        )
        copying = await _run(
            nursery, database, "backfill", kill=("copy.batch.committed", 3), signal="SIGSTOP"
        )
        assert copying.how == STOPPED
        with pytest.raises(WrongState):
            await contract.contract(context, NAME)
        with pytest.raises(LeaseHeld, match=f"pid {copying.pid}"):
            await rollback.rollback(context, NAME)
        assert (await asyncio.to_thread(nursery.wake, copying.pid)).error is None
        verifying = await _run(
            nursery, database, "verify", kill=("compare.slice.committed", 1), signal="SIGSTOP"
        )
        assert verifying.how == STOPPED
        with pytest.raises((GateShut, LeaseHeld)):
            await contract.contract(context, NAME)
        assert (await asyncio.to_thread(nursery.wake, verifying.pid)).error is None
        await context.database.close()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("point", "time"),
    [
        ("copy.batch.before", 3),
        ("copy.batch.committed", 5),
        ("chunk.leased", 1),
        ("backfill.copy.finished", 1),
    ],
)
async def test_a_process_that_sleeps_past_its_lease(
    database: str, nursery: Nursery, point: str, time: int
) -> None:
    """W7: another takes over and finishes; awake again, the first writes nothing twice, and skips nothing."""
    async with _started(database) as application:
        asleep = await _run(nursery, database, "backfill", kill=(point, time), signal="SIGSTOP")
        assert asleep.how == STOPPED
        # Ten seconds pass.
        await application.execute("UPDATE expandcontract.lease SET until = now() - interval '1 second'")
        await application.execute(
            """UPDATE expandcontract.chunk SET leased_until = now() - interval '1 second'
            WHERE status = 'running'"""
        )
        other = await _run(nursery, database, "backfill")
        assert (other.how, other.error) == (ENDED, None)
        await _require_each_written_once(application)
        awake = await asyncio.to_thread(nursery.wake, asleep.pid)
        assert awake.how == ENDED
        assert awake.code in {None, "EC403", "EC410"}, awake.error
        await _require_each_written_once(application)
        await life.act(database, RENAME, "backfill")
        await life.act(database, RENAME, "rollback")


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    "broken", [True, False], ids=["before the leftover is dropped", "before it is built"]
)
async def test_what_a_sleeper_was_about_to_do_is_not_done_to_its_successor(
    database: str, nursery: Nursery, *, broken: bool
) -> None:
    """What cannot be in a transaction is sent by nobody who was taken over: the index of whoever took over
    stays as it is.
    """
    index = "ix_people_display_name"
    async with _started(database) as application:
        if broken:
            await application.execute(f"CREATE INDEX {index} ON people (display_name)")
            await application.execute(
                f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass"
            )
        asleep = await _run(nursery, database, "backfill", kill=("apart.registered", 1), signal="SIGSTOP")
        assert asleep.how == STOPPED
        await application.execute("UPDATE expandcontract.lease SET until = now() - interval '1 second'")
        other = await _run(nursery, database, "backfill")
        assert (other.how, other.error) == (ENDED, None)
        made = "SELECT indexrelid FROM pg_index WHERE indrelid = 'people'::regclass AND indisvalid ORDER BY 1"
        before = await application.fetch(made)
        awake = await asyncio.to_thread(nursery.wake, asleep.pid)
        assert awake.code in {"EC403", "EC410"}, awake.error
        assert await application.fetch(made) == before


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("verb", "point"),
    [
        ("start", "expand.add_column.begun"),
        ("start", "dual_write.sync_trigger.begun"),
        ("backfill", "backfill.ready.begun"),
        ("contract", "contract.hide.begun"),
    ],
)
async def test_a_process_that_falls_asleep_before_it_locks_keeps_nobody_waiting(
    database: str, nursery: Nursery, verb: str, point: str
) -> None:
    """A stopped process, a paused machine, a cut network: writers go on at once, whoever alters or vacuums
    the table in a moment, when the server has ended the transaction; and the same command goes on.
    """
    application: asyncpg.Connection[Any] = await asyncpg.connect(database, statement_cache_size=0)
    await application.execute(TABLE)
    for done in ("init", "start", "backfill"):
        if done == verb:
            break
        await life.act(database, RENAME, done)
        if done == "backfill":
            await life.write(application, RENAME, 1)
    asleep = await _run(nursery, database, verb, kill=(point, 1), signal="SIGSTOP")
    assert asleep.how == STOPPED
    await application.execute("SET lock_timeout = '100ms'; UPDATE people SET pad = 'served' WHERE id = 1")
    await application.execute("SET lock_timeout = 0; LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
    # A session that only looked, and was caught between two statements, keeps nobody from anything.
    holding = "datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL"
    await _until(application, f"count(*) = 0 FROM pg_stat_activity WHERE {holding}")
    assert (await asyncio.to_thread(nursery.wake, asleep.pid)).code == "EC410"
    await life.act(database, RENAME, verb)
    await application.close()


async def _run(nursery: Nursery, url: str, verb: str, **more: object) -> Outcome:
    return await asyncio.to_thread(lambda: nursery.run(url, "rename", verb, **more))
