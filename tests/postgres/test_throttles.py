"""The throttles against real servers: what holds a sweep back, what is said of it, and that work goes on."""

import asyncio
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg
import pytest

from expandcontract.model import killpoints
from expandcontract.postgres.connect import Database
from expandcontract.sweep import SweepOptions
from expandcontract.testing.server import Server, available_versions
from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.signal_reader import NAMES, SignalReader
from tests.conftest import VERSION
from tests.postgres.sweeping import Swept, swept
from tests.waiting import SECONDS, until

pytestmark = pytest.mark.in_turn(2)

ROWS = 5_000
#: Without autovacuum: what is held to some pages of WAL is all of WAL.
SETTINGS = {"fsync": "off", "shared_buffers": "32MB", "autovacuum": "off"}


async def _throttled(table: Swept) -> str:
    """Wait until the ledger says why the only chunk stands still, and return it."""
    found: list[str] = []

    async def told() -> bool:
        found[:] = [c["throttled_by"] for c in await table.chunks() if c["throttled_by"]]
        return bool(found)

    await until(told)
    return found[0]


async def _goes_on(table: Swept, work: "asyncio.Task[object]") -> None:
    await asyncio.wait_for(work, SECONDS)
    assert await table.out_of_sync() == 0


async def _no_transaction(table: Swept) -> bool:
    """Say whether no session of ours holds a lock on the table."""
    return not await table.raw.fetchval(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.relation = 'things'::regclass AND a.application_name LIKE 'ec%'"
    )


async def test_a_query_holds_back_until_it_says_otherwise(database: str) -> None:
    """Nothing is written while it returns true, ledger and progress give the reason, no lock is held."""
    async with swept(database, rows=ROWS) as table:
        await table.raw.execute("CREATE TABLE public.switch AS SELECT true AS up")
        limits = Limits(query="SELECT up FROM public.switch")
        work = asyncio.create_task(table.sweep(options=SweepOptions(limits=limits)))
        assert await _throttled(table) == "query returned true"
        assert await table.out_of_sync() == ROWS
        await until(lambda: _no_transaction(table))
        await until(lambda: _told(table, "query returned true"))
        await table.raw.execute("UPDATE public.switch SET up = false")
        await _goes_on(table, work)
        assert [c["throttled_by"] for c in await table.chunks()] == [None]


async def _told(table: Swept, reason: str) -> bool:
    return any(event.throttled_by == reason for event in table.progress)


async def test_a_query_may_only_read(database: str) -> None:
    """One that writes, fails or takes too long cannot be read, and changes nothing."""
    db = Database(database)
    others = frozenset(NAMES) - {"query"}
    for text in (
        "CREATE TABLE public.x AS SELECT 1",
        "SELECT 1/0",
        "SELECT pg_sleep(5)",
        "SELECT WHERE false",
    ):
        (reading,) = await SignalReader(db, Limits(query=text, off=others)).read()
        assert (reading.holds_back, bool(reading.error)) == (True, True), text
    (reading,) = await SignalReader(
        db, Limits(query="SELECT 1/0", off=others, optional=frozenset({"query"}))
    ).read()
    assert not reading.holds_back
    await db.close()


@contextmanager
def _answering(status: list[int]) -> Iterator[str]:
    """Serve `status[0]` on a free port; HEAD is not known."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://ada:word@127.0.0.1:{server.server_port}/check?key=secret"
        finally:
            server.shutdown()
            thread.join()


async def test_a_url_holds_back_until_it_answers_200(database: str) -> None:
    """Another status is the reason, without what may be secret in the URL."""
    status = [503]
    with _answering(status) as url:
        async with swept(database, rows=ROWS) as table:
            work = asyncio.create_task(table.sweep(options=SweepOptions(limits=Limits(http=url))))
            reason = await _throttled(table)
            assert reason.startswith("http answered 503 (http://127.0.0.1:")
            assert "word" not in reason
            assert "secret" not in reason
            status[0] = 200
            await _goes_on(table, work)


async def test_a_url_that_nobody_serves(database: str) -> None:
    """It cannot be read, which holds back; the longest wait ends in one batch, which is said."""
    async with swept(database, rows=ROWS) as table:
        limits = Limits(http="http://127.0.0.1:1/", max_wait=timedelta(seconds=0.5))
        stop = asyncio.Event()
        work = asyncio.create_task(table.sweep(options=SweepOptions(batch=100, limits=limits), stop=stop))
        assert (await _throttled(table)).startswith("http cannot be read (http://127.0.0.1:1/)")

        async def begun() -> bool:
            return await table.out_of_sync() < ROWS

        await until(begun)
        stop.set()
        await work
        assert 0 < ROWS - await table.out_of_sync() < ROWS / 2
        assert any("one batch all the same" in notice for notice in table.notices)


async def test_who_waits_for_us_is_let_pass(database: str) -> None:
    """While a session waits for a lock of ours nothing more is locked; it is named; then work goes on."""
    async with swept(database, rows=ROWS) as table:
        await table.raw.execute("CREATE TABLE public.other AS SELECT 1 AS id")
        ours = await asyncpg.connect(database, server_settings={"application_name": "ec"})
        waiter = await asyncpg.connect(database, server_settings={"application_name": "shop"})
        holding = ours.transaction()
        await holding.start()
        await ours.execute("UPDATE public.other SET id = 2")
        waiting = asyncio.create_task(waiter.execute("UPDATE public.other SET id = 3"))

        async def waits() -> bool:
            return bool(await table.raw.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
        work = asyncio.create_task(table.sweep())
        reason = await _throttled(table)
        assert reason == f"lock-waiters 1 waiting for a lock of ours (pid {waiter.get_server_pid()} shop)"
        assert await table.out_of_sync() == ROWS
        await holding.rollback()
        await waiting
        await _goes_on(table, work)
        await ours.close()
        await waiter.close()


async def test_who_waits_for_others_does_not_count(database: str) -> None:
    """A lock that no session of ours holds is nothing to us."""
    async with swept(database, rows=1) as table:
        await table.raw.execute("CREATE TABLE public.other AS SELECT 1 AS id")
        holder, waiter = await asyncpg.connect(database), await asyncpg.connect(database)
        holding = holder.transaction()
        await holding.start()
        await holder.execute("UPDATE public.other SET id = 2")
        waiting = asyncio.create_task(waiter.execute("UPDATE public.other SET id = 3"))

        async def waits() -> bool:
            return bool(await table.raw.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
        alone = Limits(off=frozenset({"courtesy"}))
        assert not [reading for reading in await SignalReader(table.database, alone).read() if reading.over]
        await holding.rollback()
        await waiting
        await holder.close()
        await waiter.close()


async def test_a_named_standby_that_is_missing_stops_the_copy(database: str) -> None:
    """It is not connected, and that is the reason; a comparison is not held back by it."""
    async with swept(database, rows=ROWS) as table:
        limits = Limits(standbys=("standby-1",))
        stop = asyncio.Event()
        work = asyncio.create_task(table.sweep(options=SweepOptions(limits=limits), stop=stop))
        assert await _throttled(table) == "replica-lag cannot be read (standby-1): not connected"
        stop.set()
        await work
        assert await table.out_of_sync() == ROWS
        load = await SignalReader(table.database, limits, load_only=True).read()
        assert [reading.throttle for reading in load] == ["lock-waiters"]


async def test_courtesy_while_others_are_at_work(database: str) -> None:
    """The copy takes little at once, and says why; alone in the database, or told not to, it does not."""
    async with swept(database, rows=ROWS) as table:
        watch = SignalReader(table.database, Limits())

        async def busy() -> bool:
            return any(reading.throttle == "courtesy" and reading.over for reading in await watch.read())

        await until(busy)
        told = await replace(table, courteous=True).sweep()
        assert told.finished
        why = r"batches take [\d.]+x as long: rests|[\d.]+ transactions at once: rests|nothing is felt"
        said = re.compile(rf"courtesy beside \d+ sessions?, ({why})")
        assert any(said.match(str(event.throttled_by)) for event in table.progress)
        assert max(chunk["batch"] for chunk in await table.chunks()) < 1_000
        table.events.clear()
        assert (await table.again(round=2).sweep()).finished  # told not to
        assert "courtesy" not in str(table.progress[-1].throttled_by)


async def test_a_transaction_that_holds_back_the_horizon_is_named(database: str) -> None:
    """By its process and its application; a limit makes of it a gauge that slows the copy."""
    async with swept(database, rows=ROWS) as table:
        report = await asyncpg.connect(database, server_settings={"application_name": "report"})
        reading = report.transaction(isolation="repeatable_read")
        await reading.start()
        await report.fetch("SELECT * FROM things LIMIT 1")
        limits = Limits(max_horizon=timedelta(microseconds=1))
        (found,) = [r for r in await SignalReader(table.database, limits).read() if r.throttle == "horizon"]
        assert f"pid {report.get_server_pid()} report" in found.sentence
        await table.sweep(options=SweepOptions(limits=limits))
        assert any((event.throttled_by or "").startswith("horizon") for event in table.progress)
        await reading.rollback()
        await report.close()


@pytest.mark.parametrize("privileged", [True, False], ids=["pg_monitor", "without"])
async def test_every_signal_can_be_read(server: Server, database: str, privileged: bool) -> None:
    """All queries run on this version, as a role with and without pg_monitor; what is hidden says so."""
    role = "watcher" if privileged else "stranger"
    raw = await asyncpg.connect(database)
    await raw.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")
    if privileged:
        await raw.execute(f"GRANT pg_monitor TO {role}")
    db = Database(server.url(str(await raw.fetchval("SELECT current_database()")), role))
    limits = Limits(
        max_slot_wal=MEGABYTE, max_archive_backlog=MEGABYTE, max_wal_rate=MEGABYTE, max_active_sessions=9
    )
    readings = await SignalReader(db, limits).read()
    broken = {reading.throttle for reading in readings if reading.error}
    assert broken == (set() if privileged else {"active-sessions"})
    await db.close()
    await raw.execute(f"DROP ROLE {role}")
    await raw.close()


async def _paused(standby: "asyncpg.Connection[asyncpg.Record]") -> bool:
    # pg_is_wal_replay_paused() is true when a pause was asked for, and replay goes on until it is there.
    return bool(await standby.fetchval("SELECT pg_get_wal_replay_pause_state() = 'paused'"))


async def _stand_still(primary: Swept, standby: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Stop the replay when the standby has everything, and wait until it has stopped."""

    async def caught_up() -> bool:
        query = "SELECT pg_current_wal_lsn() = replay_lsn FROM pg_stat_replication"
        return bool(await primary.raw.fetchval(query))

    await until(caught_up)
    await standby.execute("SELECT pg_wal_replay_pause()")
    await until(lambda: _paused(standby))


@pytest.mark.skipif(VERSION not in available_versions(), reason=f"needs PostgreSQL {VERSION}")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_a_standby_that_stops(seconds: int) -> None:
    """While replay stands still for some seconds the lag exceeds its budget by one batch at most, the
    reason is shown, and work goes on by itself.
    """
    budget, batch = 2 * MEGABYTE, 500
    begun: list[int] = []
    with Server.start(VERSION, SETTINGS) as primary, Server.replica(primary) as replica:
        async with swept(primary.url(), rows=60_000) as table:
            standby = await asyncpg.connect(replica.url())
            await _stand_still(table, standby)
            start = _position(primary)
            killpoints.watch(
                lambda at: begun.append(_position(primary)) if at == "copy.batch.before" else None
            )
            limits = Limits(max_lag=timedelta(hours=1), max_lag_bytes=budget)
            work = asyncio.create_task(table.sweep(options=SweepOptions(batch=batch, limits=limits)))
            reason = await _throttled(table)
            assert reason.startswith("replica-lag ")
            assert reason.endswith("MB > 2 MB (replica)")
            written = (await table.totals()).rows
            assert 0 < written < 60_000
            await _stay_so(table, seconds)
            assert (await table.totals()).rows == written
            killpoints.watch(None)
            # What is written between a reading and the batch is not ours; there is always a page or two.
            assert max(begun) - start <= budget + 16 * 8192
            await standby.execute("SELECT pg_wal_replay_resume()")
            await asyncio.wait_for(work, SECONDS)
            assert await table.out_of_sync() == 0
            await standby.close()


def _position(server: Server) -> int:
    """Return up to where WAL is inserted. Nothing else of this process happens meanwhile."""
    query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8"
    command = [str(server.bin("psql")), "-XAtc", query, server.url()]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


async def _stay_so(table: Swept, seconds: int) -> None:
    """Return when the server's clock has gone on by this much."""
    begin = await table.raw.fetchval("SELECT clock_timestamp()")

    async def over() -> bool:
        query = "SELECT clock_timestamp() > $1::timestamptz + make_interval(secs => $2)"
        return bool(await table.raw.fetchval(query, begin, float(seconds)))

    await until(over)


@pytest.mark.skipif(VERSION not in available_versions(), reason=f"needs PostgreSQL {VERSION}")
async def test_a_wished_lag_reaches_workers_at_work() -> None:
    """A standby that stands still is behind in time as well, although the server does not say so; whoever
    wishes for a longer lag lets the work go on.
    """
    with Server.start(VERSION, SETTINGS) as primary, Server.replica(primary) as replica:
        async with swept(primary.url(), rows=ROWS) as table:
            standby = await asyncpg.connect(replica.url())
            await _stand_still(table, standby)
            limits = Limits(max_lag=timedelta(milliseconds=200))
            work = asyncio.create_task(
                table.sweep(options=SweepOptions(batch=50, max_rate=2_000, limits=limits))
            )
            reason = ""
            while not reason.startswith("replica-lag"):
                reason = await _throttled(table)
            assert reason.endswith("s > 0.2 s (replica)")
            await table.raw.execute(
                "INSERT INTO expandcontract.control (change_id, max_lag_seconds, max_rate, changed_by) "
                "VALUES ($1, 3600, 1e9, 'test')",
                table.job.change_id,
            )
            await _goes_on(table, work)
            await standby.close()
