"""The throttles against what really goes wrong: a slot that nobody reads, an archive that fails, a standby
that is idle, goes away, or was never there. Each time work stops, says why, and goes on by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.sweep import SweepOptions
from expandcontract.testing.server import Server, available_versions
from expandcontract.throttles.limits import MEGABYTE, Limits
from expandcontract.throttles.signal_reader import SignalReader
from tests.conftest import VERSION
from tests.postgres.sweeping import Swept, swept
from tests.waiting import SECONDS, until

pytestmark = [
    pytest.mark.in_turn(2),
    pytest.mark.skipif(VERSION not in available_versions(), reason=f"needs PostgreSQL {VERSION}"),
]

ROWS = 30_000
SETTINGS = {"fsync": "off", "shared_buffers": "32MB"}


@pytest.fixture
def primary() -> Iterator[Server]:
    """Give a server whose slots, archive and standbys are this test's own."""
    with Server.start(VERSION, {**SETTINGS, "wal_level": "logical", "archive_mode": "on"}) as started:
        yield started


@asynccontextmanager
async def _held_back(table: Swept, limits: Limits, reason: str) -> AsyncIterator[None]:
    """Sweep; when it stands still for the `reason`, having done a part at most, run the body; after that it
    must go on to its end by itself.
    """
    work = asyncio.create_task(table.sweep(options=SweepOptions(batch=200, limits=limits)))

    async def told() -> bool:
        assert not work.done()
        return any((event.throttled_by or "").startswith(reason) for event in table.progress)

    await until(told)
    written = (await table.totals()).rows
    assert written < ROWS
    seen = len(table.progress)

    async def pulsed() -> bool:
        return len(table.progress) >= seen + 2

    await until(pulsed)
    assert (await table.totals()).rows == written
    yield
    outcome = await asyncio.wait_for(work, SECONDS)
    assert (outcome.rows, outcome.finished) == (ROWS, True)
    assert await table.out_of_sync() == 0


def _reason(table: Swept) -> str:
    """Return what was told last."""
    return [event.throttled_by for event in table.progress if event.throttled_by][-1]


@asynccontextmanager
async def _again_and_again(server: Server, *statements: str) -> AsyncIterator[None]:
    """Let another session run these all the time."""
    session = await asyncpg.connect(server.url())

    async def run() -> None:
        while True:
            for statement in statements:
                await session.execute(statement)
            await asyncio.sleep(0.02)

    running = asyncio.create_task(run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        session.terminate()


SLOTS = {
    "physical": (
        "SELECT pg_create_physical_replication_slot('nobody', true)",
        "SELECT pg_replication_slot_advance('nobody', pg_current_wal_lsn())",
    ),
    "logical": (
        "SELECT pg_create_logical_replication_slot('nobody', 'pgoutput')",
        (
            "SELECT FROM pg_logical_slot_get_binary_changes('nobody', NULL, NULL, 'proto_version', '1', "
            "'publication_names', 'none')"
        ),
    ),
}


@pytest.mark.parametrize("kind", SLOTS)
@pytest.mark.parametrize(
    "limits", [Limits(max_slot_wal=2 * MEGABYTE), Limits()], ids=["ours", "the server's"]
)
async def test_a_slot_that_nobody_reads(primary: Server, kind: str, limits: Limits) -> None:
    """The WAL that it keeps is at its limit: nothing is written until its consumer takes it."""
    create, read = SLOTS[kind]
    async with swept(primary.url(), rows=ROWS) as table:
        await table.raw.execute("CREATE PUBLICATION none")
        await table.raw.execute(create)
        if limits.max_slot_wal is None:
            await table.raw.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
            await table.raw.execute("SELECT pg_reload_conf()")
            for _ in range(33):
                await table.raw.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1048576))")
        # A slot needs less when a checkpoint has said which transactions still run.
        reading = _again_and_again(primary, "CHECKPOINT", read)
        async with _held_back(table, limits, "slot-wal "):
            assert _reason(table).endswith(f"MB > {2 if limits.max_slot_wal else 32} MB (nobody)")
            await reading.__aenter__()
        await reading.__aexit__(None, None, None)
        lost = "SELECT count(*) FROM pg_replication_slots WHERE wal_status = 'lost'"
        assert await table.raw.fetchval(lost) == 0


async def test_an_archive_that_fails_and_is_mended(primary: Server) -> None:
    """What waits to be archived is at its limit: nothing is written until the command works again."""
    async with swept(primary.url(), rows=ROWS) as table:
        command = f'test ! -e "{primary.directory}/broken"'
        await table.raw.execute(f"ALTER SYSTEM SET archive_command = '{command}'")
        await table.raw.execute("SELECT pg_reload_conf()")
        next_segment = "SELECT pg_logical_emit_message(false, 'test', 'more'), pg_switch_wal()"
        await table.raw.execute(next_segment)

        async def archived() -> bool:
            return bool(
                await table.raw.fetchval("SELECT last_archived_wal IS NOT NULL FROM pg_stat_archiver")
            )

        await until(archived)
        broken = primary.directory / "broken"
        broken.touch()
        for _ in range(3):
            await table.raw.execute(next_segment)

        async def failing() -> bool:
            query = "SELECT last_failed_time > last_archived_time FROM pg_stat_archiver"
            return bool(await table.raw.fetchval(query))

        await until(failing)
        # An archiver that failed some times rests for a minute, unless another segment is full.
        mended = _again_and_again(primary, next_segment)
        async with _held_back(table, Limits(max_archive_backlog=16 * MEGABYTE), "archive "):
            assert _reason(table).endswith("MB > 16 MB (archiving fails)")
            broken.unlink()
            await mended.__aenter__()
        await mended.__aexit__(None, None, None)


async def test_an_idle_standby_has_no_lag(primary: Server) -> None:
    """The lag of a standby that has everything is NULL, and holds nothing back; NULL is no excuse for one
    that does not replay.
    """
    quick = {"wal_receiver_status_interval": "1s"}
    with Server.replica(primary, quick) as replica:
        async with swept(primary.url(), rows=ROWS) as table:
            standby = await asyncpg.connect(replica.url())

            async def idle() -> bool:
                query = (
                    "SELECT replay_lag IS NULL AND replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"
                )
                return bool(await table.raw.fetchval(query))

            await until(idle)
            watch = SignalReader(table.database, Limits(max_lag=timedelta(milliseconds=100)))
            assert not [each for each in await watch.read() if each.holds_back]
            await standby.execute("SELECT pg_wal_replay_pause()")
            await table.raw.execute("UPDATE things SET pad = 'more'")

            async def behind() -> bool:
                return any(each.holds_back for each in await watch.read())

            await until(behind)
            await standby.execute("SELECT pg_wal_replay_resume()")
            assert (await table.sweep()).finished
            await standby.close()


async def test_a_standby_that_goes_away_and_comes_back(primary: Server) -> None:
    """While one that is named is not connected nothing is written; another one does not stand for it."""
    name = {"cluster_name": "important"}
    limits = Limits(standbys=("important",))
    async with swept(primary.url(), rows=ROWS) as table:
        first, other = Server.replica(primary, name), Server.replica(primary)
        try:
            assert not [each for each in await SignalReader(table.database, limits).read() if each.holds_back]
            first.stop()
            await until(lambda: _gone(table, "important"))
            async with _held_back(table, limits, "replica-lag cannot be read (important): not connected"):
                first = Server.replica(primary, name)
        finally:
            first.stop()
            other.stop()


async def _gone(table: Swept, name: str) -> bool:
    query = "SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = $1"
    return bool(await table.raw.fetchval(query, name))


async def test_a_standby_that_may_be_missing(primary: Server) -> None:
    """Declared optional, a named standby that is not there holds nothing back."""
    limits = Limits(standbys=("nobody",))
    async with swept(primary.url(), rows=ROWS) as table:
        (reading,) = [each for each in await SignalReader(table.database, limits).read() if each.error]
        assert reading.holds_back
        limits = replace(limits, optional=frozenset({"replica-lag"}))
        outcome = await table.sweep(options=SweepOptions(limits=limits))
        assert (outcome.rows, outcome.finished) == (ROWS, True)
