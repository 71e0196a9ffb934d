"""Who builds an index concurrently is the one that gives way, whatever the application wants meanwhile."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.postgres.connect import Database
from expandcontract.postgres.giving_way import giving_way
from expandcontract.postgres.message import send
from expandcontract.postgres.query import value
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

#: Our session has looked for a deadlock, found none, and does not look again.
_LOOKED = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE pid = $1 AND NOT granted
    AND clock_timestamp() - waitstart > current_setting('deadlock_timeout')::interval * 1.2
)
"""
_LOOKING = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE 'DO $ec$%was_active%'
)
"""


@pytest.mark.parametrize(
    "wanted", ["ANALYZE t", "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE", "ALTER TABLE t SET (fillfactor = 90)"]
)
async def test_a_transaction_that_wrote_gets_whatever_lock_it_then_wants(database: str, wanted: str) -> None:
    """It waits for the build, which waits for it: the build is cancelled, and the transaction commits."""
    application = await asyncpg.connect(database)
    await application.execute("CREATE TABLE t (a int)")
    db = Database(database)
    async with db.direct() as conn:
        pid = await value(conn, "SELECT pg_backend_pid()")
        async with giving_way(db, pid) as watch:
            await application.execute("BEGIN; INSERT INTO t VALUES (1)")
            building = asyncio.create_task(send(conn, "CREATE INDEX CONCURRENTLY t_a ON public.t (a)"))
            await until(lambda: application.fetchval(_LOOKED, pid), building)
            await application.execute(f"{wanted}; COMMIT")
            with pytest.raises(DBAPIError, match="canceling statement"):
                await building
            assert await watch.gave_way()
    await db.close()
    await application.close()


async def test_a_build_that_only_waits_is_left_alone(database: str) -> None:
    """Somebody waits for it, and it waits for somebody else: that is no circle."""
    application, other = await asyncpg.connect(database), await asyncpg.connect(database)
    await application.execute("CREATE TABLE t (a int)")
    db = Database(database)
    async with db.direct() as conn:
        pid = await value(conn, "SELECT pg_backend_pid()")
        async with giving_way(db, pid) as watch:
            await application.execute("BEGIN; INSERT INTO t VALUES (1)")
            building = asyncio.create_task(send(conn, "CREATE INDEX CONCURRENTLY t_a ON public.t (a)"))
            await until(lambda: application.fetchval(_LOOKED, pid), building)
            # Until now nobody waits in a circle. When it came to the build's last wait, for older snapshots,
            # this one would be waited for.
            with pytest.raises(asyncpg.LockNotAvailableError):
                await other.execute("SET lock_timeout = '500ms'; LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE")
            await application.execute("COMMIT")
            await building
            assert not await watch.gave_way()
    await db.close()
    await application.close()
    await other.close()


async def test_a_look_ends_with_what_it_looks_at_however_short_that_was(database: str) -> None:
    """Whether or not a look ever saw it at work: nothing of ours goes on looking for ever."""
    onlooker = await asyncpg.connect(database)
    db = Database(database)
    async with db.direct() as conn:
        pid = await value(conn, "SELECT pg_backend_pid()")
        async with giving_way(db, pid):
            await until(lambda: onlooker.fetchval(_LOOKING))
            await send(conn, "SELECT 1")
            await until(lambda: onlooker.fetchval(f"SELECT NOT ({_LOOKING})"))
    await db.close()
    await onlooker.close()


async def test_nobody_waits_for_a_look_that_does_not_end(database: str) -> None:
    """What was to be watched never began: the look is left to itself, and ends with that session."""
    onlooker = await asyncpg.connect(database)
    db = Database(database)
    async with db.direct() as conn:
        pid = await value(conn, "SELECT pg_backend_pid()")
        for _ in range(5):
            async with asyncio.timeout(60), giving_way(db, pid):
                await until(lambda: onlooker.fetchval(_LOOKING))
    await until(lambda: onlooker.fetchval(f"SELECT NOT ({_LOOKING})"))
    await db.close()
    await onlooker.close()
