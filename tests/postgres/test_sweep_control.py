"""What steers a sweep while it runs: signals, time limits, pauses, rates; and what it tells."""

import asyncio
import re
import time
from datetime import timedelta

import pytest

from expandcontract.model.errors import LeaseLost
from expandcontract.sweep import SweepOptions
from tests.postgres.sweeping import Swept, swept
from tests.waiting import SECONDS, until

pytestmark = pytest.mark.in_turn(2)

ROWS = 20_000
RATE = re.compile(r"max-rate ([\d,]+) of 3,000 rows/s")
SLOW = SweepOptions(batch=100, max_rate=4_000)


async def _wish(table: Swept, **wished: bool | float | str) -> None:
    names = ", ".join(wished)
    places = ", ".join(f"${number}" for number in range(2, len(wished) + 2))
    updates = ", ".join(f"{name} = excluded.{name}" for name in wished)
    await table.raw.execute(
        f"INSERT INTO expandcontract.control (change_id, changed_by, {names}) VALUES ($1, 'test', {places}) "
        f"ON CONFLICT (change_id) DO UPDATE SET {updates}",
        table.job.change_id,
        *wished.values(),
    )


async def _begun(table: Swept) -> bool:
    return (await table.totals()).rows > 0


async def test_a_signal_finishes_the_batch_and_frees_the_chunk(database: str) -> None:
    """When the stop event is set the walk returns soon, says why, and what was written is in the
    checkpoint.
    """
    async with swept(database, rows=ROWS) as table:
        stop = asyncio.Event()
        work = asyncio.create_task(table.sweep(options=SLOW, stop=stop))
        await until(lambda: _begun(table))
        stop.set()
        outcome = await asyncio.wait_for(work, SECONDS)
        assert (outcome.finished, outcome.stopped_by) == (False, "signal")
        assert outcome.rows == ROWS - await table.out_of_sync()
        assert [c["status"] for c in await table.chunks()] == ["pending"]
        outcome = await table.walk()
        assert (outcome.rows, outcome.finished, outcome.stopped_by) == (ROWS, True, None)


async def test_the_runtime_is_kept_to(database: str) -> None:
    """--max-runtime ends the walk in time, with its reason."""
    async with swept(database, rows=ROWS) as table:
        limit = SweepOptions(batch=100, max_rate=1_000, max_runtime=timedelta(seconds=0.7))
        started = time.monotonic()
        outcome = await table.sweep(options=limit)
        assert 0.7 <= time.monotonic() - started < 10
        assert (outcome.finished, outcome.stopped_by) == (False, "runtime")


async def test_a_paused_worker_holds_no_transaction_and_goes_on_when_resumed(database: str) -> None:
    """Pausing takes hold within seconds, from any session; the chunk stays with its worker and says why
    nothing happens.
    """
    async with swept(database, rows=ROWS) as table:
        work = asyncio.create_task(table.sweep(options=SLOW))
        await until(lambda: _begun(table))
        await _wish(table, paused=True, paused_by="eve")

        async def paused() -> bool:
            return bool((await table.chunks())[0]["throttled_by"] == "paused by eve")

        await until(paused)
        (before,) = await table.chunks()
        assert not await table.raw.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name LIKE 'ec%' AND backend_xid IS NOT NULL AND datname = current_database()"
        )
        assert not work.done()
        await _wish(table, paused=False, max_rate=1e9)
        outcome = await asyncio.wait_for(work, SECONDS)
        assert (outcome.rows, outcome.finished) == (ROWS, True)
        (chunk,) = await table.chunks()
        assert (chunk["attempts"], before["status"]) == (1, "running")


async def test_who_does_not_wait_for_a_pause_stops(database: str) -> None:
    """With --no-wait a paused change ends the walk at once, with its reason."""
    async with swept(database, rows=ROWS) as table:
        await _wish(table, paused=True)
        outcome = await table.sweep(options=SweepOptions(wait_when_paused=False))
        assert (outcome.rows, outcome.finished, outcome.stopped_by) == (0, False, "paused")


async def test_the_rate_is_kept_to(database: str) -> None:
    """--max-rate holds over the whole walk, and progress says what holds the work back: the rate that is
    measured, beside what was asked for.
    """
    async with swept(database, rows=6_000) as table:
        started = time.monotonic()
        await table.sweep(options=SweepOptions(max_rate=3_000))
        assert 1.4 < time.monotonic() - started < 20
        said = [found for event in table.progress if (found := RATE.fullmatch(event.throttled_by or ""))]
        assert said
        assert all(int(found[1].replace(",", "")) <= 3_500 for found in said)


async def test_tune_reaches_workers_at_work(database: str) -> None:
    """Batch, rate and workers that are wished for in the ledger go before what the process was started
    with.
    """
    async with swept(database, rows=60_000) as table:
        work = asyncio.create_task(table.sweep(options=SweepOptions(workers=2, batch=50, max_rate=2_000)))
        await until(lambda: _begun(table))
        await _wish(table, batch=77, max_rate=1e9, workers=4)
        outcome = await asyncio.wait_for(work, SECONDS)
        chunks = await table.chunks()
        assert (outcome.rows, outcome.finished) == (60_000, True)
        assert {c["batch"] for c in chunks if c["batch"] != 50} == {77}
        assert len({c["worker"] for c in chunks}) == 4


async def test_progress_has_all_fields(database: str) -> None:
    """The last progress of a walk says that all of it is done, and how."""
    async with swept(database, rows=ROWS) as table:
        await table.sweep()
        last = table.progress[-1]
        assert (last.stage, last.rows, last.percent, last.eta_seconds) == ("copy", ROWS, 100.0, 0.0)
        assert last.rows_per_second > 0
        assert last.hot_ratio is not None
        assert last.hot_ratio > 0.3


async def test_what_the_check_raises_ends_the_copy(database: str) -> None:
    """The caller's check is called in the middle of a copy; its error ends it after the batch, and the
    chunk is free.
    """
    async with swept(database, rows=ROWS) as table:
        calls = 0

        async def check(_conn: object) -> None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise LeaseLost("Another process took over.")

        with pytest.raises(LeaseLost):
            await table.sweep(options=SLOW, check=check)
        assert [c["status"] for c in await table.chunks()] == ["pending"]
        assert 0 < await table.out_of_sync() < ROWS
