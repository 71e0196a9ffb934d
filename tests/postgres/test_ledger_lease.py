"""One operator per change: leases with a heartbeat, fenced by a token."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import asyncpg
import pytest

from expandcontract.ledger import lease
from expandcontract.ledger.lease import Lease
from expandcontract.model.errors import LeaseHeld, LeaseLost
from expandcontract.model.events import Event, Listener, TookOver, ignore
from expandcontract.postgres.query import value
from tests.postgres.ledgers import Ledger
from tests.waiting import until


def acquire(
    ledger: Ledger, verb: str = "backfill", exclusive: bool = True, listen: Listener = ignore
) -> AbstractAsyncContextManager[Lease]:
    """Ask for a lease as alice."""
    return lease.acquire(
        ledger.database, ledger.tables, ledger.id, verb=verb, exclusive=exclusive, who="alice", listen=listen
    )


async def check(ledger: Ledger, held: Lease) -> None:
    """Check a lease in both ways. Raises LeaseLost."""
    async with ledger.database.transaction() as conn:
        lost = False
        try:
            await lease.check(conn, ledger.tables, ledger.id, held.token)
        except LeaseLost:
            lost = True
    try:
        async with lease.transaction(ledger.database, ledger.tables, held) as conn:
            assert not lost
            assert await value(conn, "SELECT pg_catalog.current_setting('lock_timeout')") == "100ms"
    except LeaseLost:
        assert lost
        raise


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [(True, True, False), (True, False, False), (False, True, False), (False, False, True)],
)
async def test_exclusive_excludes_everybody(ledger: Ledger, first: bool, second: bool, fits: bool) -> None:
    """Only shared leases go together; who is refused is told at once who is at work."""
    async with acquire(ledger, "backfill", first) as held:
        assert held.alone
        if fits:
            async with acquire(ledger, "verify", second) as other:
                assert not other.alone
            return
        began = time.monotonic()
        with pytest.raises(LeaseHeld) as caught:
            async with acquire(ledger, "contract", second):
                pytest.fail("two operators")
        assert time.monotonic() - began < lease.TTL_SECONDS
        assert f"ec backfill of alice on {os.uname().nodename} (pid {os.getpid()})" in caught.value.message
        await check(ledger, held)
    async with acquire(ledger, "contract", exclusive=True) as again:
        assert again.alone


async def test_many_at_once(ledger: Ledger) -> None:
    """Of many that come in the same moment one gets the change."""

    async def attempt() -> bool:
        try:
            async with acquire(ledger):
                await until(lambda: tried(8))
                return True
        except LeaseHeld:
            return False
        finally:
            done.append(1)

    async def tried(count: int) -> bool:
        return len(done) >= count - 1

    done: list[int] = []
    assert sum(await asyncio.gather(*(attempt() for _ in range(8)))) == 1


async def test_the_heartbeat_prolongs(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the body runs the lease's end moves on, also when a step's transaction has checked it."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    end = "SELECT until FROM expandcontract.lease"
    async with acquire(ledger) as held, ledger.database.transaction() as step:
        await lease.check(step, ledger.tables, ledger.id, held.token)
        first = await ledger.one(end)

        async def moved() -> bool:
            return bool(await ledger.one(end) > first)

        await until(moved)
    assert await ledger.one("SELECT pg_catalog.count(*) FROM expandcontract.lease") == 0


async def test_an_expired_lease_is_taken_over(ledger: Ledger) -> None:
    """Who was silent for too long loses the lease: the new holder is told of it, the old one fails its next
    check.
    """
    heard: list[Event] = []
    async with acquire(ledger) as stopped:
        await ledger.sql(
            "UPDATE expandcontract.lease SET until = pg_catalog.now() - interval '1 s', host = 'elsewhere'"
        )
        async with acquire(ledger, "verify", listen=heard.append) as taker:
            assert taker.alone
            with pytest.raises(LeaseLost):
                await check(ledger, stopped)
            await check(ledger, taker)
        assert heard == [TookOver("0001_rename", f"ec backfill of alice on elsewhere (pid {os.getpid()})")]
        assert (
            await ledger.one("SELECT pg_catalog.count(*) FROM expandcontract.event WHERE kind = 'taken over'")
            == 1
        )


async def test_the_loser_is_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heartbeat of who lost the lease says so, before its next step asks."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    async with acquire(ledger) as held:
        await ledger.sql("DELETE FROM expandcontract.lease")
        await held.lost.wait()


async def test_a_broken_heartbeat_mends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its session is ended the heartbeat goes on with another, and the lease is kept."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    async with acquire(ledger) as held:
        pid = await ledger.one("SELECT backend_pid FROM expandcontract.lease")
        await ledger.one(f"SELECT pg_catalog.pg_terminate_backend({pid})")

        async def another() -> bool:
            return bool(await ledger.one("SELECT backend_pid FROM expandcontract.lease") != pid)

        await until(another)
        await check(ledger, held)
        assert not held.lost.is_set()


@pytest.mark.parametrize("by_a_message", [False, True])
async def test_a_step_is_fenced(ledger: Ledger, by_a_message: bool) -> None:
    """While a step's transaction that has checked its lease, by a statement or as it began, is open, nobody
    takes the change over, dead or not.
    """
    async with AsyncExitStack() as stack:
        held = await stack.enter_async_context(acquire(ledger))
        await ledger.sql("UPDATE expandcontract.lease SET until = pg_catalog.now() - interval '1 s'")
        begun = lease.transaction(ledger.database, ledger.tables, held)
        async with begun if by_a_message else ledger.database.transaction() as step:
            if not by_a_message:
                await lease.check(step, ledger.tables, ledger.id, held.token)
            taking = asyncio.create_task(_take(ledger))
            with pytest.raises(asyncpg.LockNotAvailableError):  # what a take-over would do
                await ledger.sql("SET LOCAL lock_timeout = '50ms'; DELETE FROM expandcontract.lease")
            assert not taking.done()
        assert (await taking).alone


async def _take(ledger: Ledger) -> Lease:
    async with acquire(ledger, "undo") as held:
        taken: Lease = held
    return taken


async def test_a_pooler_is_recognised(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process id that the driver was told is not the session's, the session says nothing about the
    holder's life.
    """

    async def made_up(_conn: object) -> int:
        return 4711

    monkeypatch.setattr(lease, "_told_pid", made_up)
    async with acquire(ledger):
        assert (
            await ledger.one("SELECT ROW(backend_pid, backend_start)::text FROM expandcontract.lease")
            == "(,)"
        )
        with pytest.raises(LeaseHeld):
            async with acquire(ledger):
                pytest.fail("two operators")


HOLDER = """
import asyncio, sys
from expandcontract.ledger.lease import acquire
from expandcontract.ledger.tables import Tables
from expandcontract.postgres.connect import Database

async def main(url, change_id):
    async with acquire(Database(url), Tables(), change_id, verb="contract", exclusive=True, who="bob"):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_kill_9_is_noticed_in_a_moment(ledger: Ledger, database: str) -> None:
    """The lease of a killed process is taken over long before it runs out; that of a stopped one is not."""
    process = subprocess.Popen(  # noqa: ASYNC220 - it starts in no time
        [sys.executable, "-c", HOLDER, database, str(ledger.id)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "held\n"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LeaseHeld, match="ec contract of bob"):
            await _take(ledger)
        process.kill()
        process.wait()
        began = time.monotonic()
        assert (await _take(ledger)).alone
        assert time.monotonic() - began < lease.TTL_SECONDS
    finally:
        process.kill()
        process.communicate()
