"""Processes that die or stop in the middle of a sweep, and those that go on after them."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from expandcontract.model.step import Purpose
from expandcontract.sweep import SweepOptions
from expandcontract.testing.server import Server
from tests.conftest import VERSION
from tests.postgres.sweep_process import command
from tests.postgres.sweeping import WANTED, Swept, swept
from tests.waiting import SECONDS, until

ROWS = 3_000
ROOT = Path(__file__).parents[2]
#: Where a copy may die, and how often the point is reached before.
POINTS = {
    "chunk.leased": 1,
    "copy.look.after": 2,
    "copy.batch.before": 5,
    "copy.batch.committed": 14,
    "copy.window.done": 1,
    "chunk.done": 1,
}


async def _process(table: Swept, **more: str | int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(*command(table, **more), cwd=ROOT)  # type: ignore[arg-type]


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_process_is_gone_on_from(database: str, point: str) -> None:
    """Kill -9 anywhere, then the same again: the counted rows are exactly those of the table, none written
    twice.
    """
    async with swept(database, rows=ROWS) as table:
        await table.raw.execute("""
            CREATE TABLE written (id bigint);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO public.written VALUES (NEW.id); RETURN NULL; END $$;
            CREATE TRIGGER note AFTER UPDATE ON things FOR EACH ROW EXECUTE FUNCTION note()""")
        await table.lay()
        process = await _process(table, point=point, times=POINTS[point], batch=20)
        assert await process.wait() == -signal.SIGKILL
        if point != "chunk.done":
            assert await table.out_of_sync() > 0
        # Long enough that waiting for it would be noticed.
        await table.raw.execute(
            "UPDATE expandcontract.chunk SET leased_until = now() + '1 hour' WHERE status = 'running'"
        )
        async with asyncio.timeout(SECONDS):
            outcome = await table.walk(void_leases=True)
        assert (outcome.rows, outcome.finished) == (ROWS, True)
        assert await table.out_of_sync() == 0
        assert await table.raw.fetchval("SELECT count(*) FROM written") == ROWS
        assert await table.raw.fetchval("SELECT count(DISTINCT id) FROM written") == ROWS


async def test_a_stopped_process_is_taken_over_and_changes_nothing_when_it_wakes(database: str) -> None:
    """A process that stops holds no row lock, and loses its chunk with the lease; awake again, its token is
    void.
    """
    async with swept(database, rows=ROWS) as table:
        await table.lay()
        process = await _process(table, point="copy.batch.before", times=3, how="SIGSTOP")

        async def asleep() -> bool:
            state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state == "T"

        await until(asleep)
        held = (await table.chunks())[0]
        assert held["status"] == "running"

        assert not await table.raw.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
        )
        # Ten seconds pass.
        await table.raw.execute("UPDATE expandcontract.chunk SET leased_until = now() - interval '1 second'")
        outcome = await table.walk()
        os.kill(process.pid, signal.SIGCONT)
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0
        assert (outcome.rows, outcome.finished) == (ROWS, True)
        assert await table.out_of_sync() == 0
        (chunk,) = await table.chunks()
        assert (chunk["attempts"], chunk["rows"], chunk["status"]) == (2, ROWS, "done")


async def test_a_void_token_writes_nothing(database: str) -> None:
    """While a live process copies, a second one that takes its chunk makes it stop writing there; both end
    well.
    """
    async with swept(database, rows=ROWS) as table:
        await table.lay()
        first = asyncio.create_task(table.walk())
        second = asyncio.create_task(table.again().walk(void_leases=True))
        outcomes = await asyncio.gather(first, second)
        assert all(outcome.finished for outcome in outcomes)
        assert (await table.totals()).rows == ROWS
        assert await table.out_of_sync() == 0


async def test_a_lease_that_runs_is_respected(database: str) -> None:
    """Nobody takes a chunk whose worker may be alive: who finds nothing to take waits until the others are
    done.
    """
    async with swept(database, rows=ROWS) as table:
        await table.lay()
        await table.raw.execute(
            "UPDATE expandcontract.chunk"
            " SET status = 'running', token = gen_random_uuid(), leased_until = now() + interval '1 minute'"
        )
        work = asyncio.create_task(table.walk())

        async def seen_twice() -> bool:
            return len(table.progress) >= 2

        await until(seen_twice)
        assert await table.out_of_sync() == ROWS
        await table.raw.execute("UPDATE expandcontract.chunk SET status = 'done', next_block = end_block")
        assert (await asyncio.wait_for(work, SECONDS)).rows == 0


@pytest.mark.parametrize(("point", "times"), [("compare.slice.after", 1), ("compare.slice.committed", 1)])
async def test_a_killed_comparison_counts_no_row_twice(database: str, point: str, times: int) -> None:
    """Kill -9 between two slices, then go on: every row is compared once, every mismatch counted once."""
    async with swept(database, rows=20_000, trigger=False) as table:
        await table.raw.execute("UPDATE things SET new = old WHERE id % 1000 <> 0")
        compare = table.again(Purpose.COMPARE)
        await compare.lay()
        process = await _process(compare, point=point, times=times)
        assert await process.wait() == -signal.SIGKILL
        outcome = await compare.walk(void_leases=True)
        assert (outcome.rows, outcome.mismatches, outcome.finished) == (20_000, 20, True)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("crash", ["server", "session"])
@pytest.mark.parametrize("purpose", ["copy", "compare"])
async def test_a_crash_of_the_server_loses_neither_rows_nor_checkpoint(crash: str, purpose: str) -> None:
    """Commits do not wait for the disk: after a crash the walk goes on where the ledger says, not where the
    worker remembers to be.
    """
    with Server.start(VERSION, {"wal_level": "replica"}) as server:
        async with swept(server.url(), rows=8_000) as fresh:
            table = fresh
            held = asyncio.Event()
            if purpose == "compare":
                await table.sweep()
                table = table.again(Purpose.COMPARE)

            async def check(_conn: object) -> None:
                if purpose == "compare" and not held.is_set():
                    await asyncio.sleep(0.05)

            work = asyncio.create_task(
                table.sweep(options=SweepOptions(batch=50, max_rate=8_000), check=check)
            )

            async def some() -> bool:
                return (await table.totals()).rows > 1_000

            await until(some)
            if crash == "server":
                await asyncio.to_thread(server.restart, "immediate")
            else:
                pid = await table.raw.fetchval("SELECT pg_backend_pid()")
                os.kill(pid, signal.SIGKILL)
            held.set()
            outcome = await asyncio.wait_for(work, SECONDS)
            again: asyncpg.Connection[Any] = await asyncpg.connect(server.url())
            assert (outcome.rows, outcome.finished) == (8_000, True)
            assert await again.fetchval(f"SELECT count(*) FROM things t WHERE {WANTED}") == 0
            await again.close()
