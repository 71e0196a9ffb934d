"""A primary that dies, and a standby that had lost its last commits and takes over, while a process of `ec`
stands anywhere: what the process remembers is void there.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.engine.verbs import backfill
from expandcontract.model import killpoints
from expandcontract.model.errors import EcError
from expandcontract.testing.server import Server, available_versions
from tests.acceptance.cycle import Life, living
from tests.conftest import VERSION
from tests.waiting import until

pytestmark = [
    pytest.mark.in_turn(2),
    pytest.mark.skipif(VERSION not in available_versions(), reason=f"needs PostgreSQL {VERSION}"),
    pytest.mark.timeout(600),
]
ROWS = 400
GIVEN = f"""
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE INDEX ix_users_name ON users (name);
INSERT INTO users SELECT n, 'Name ' || n FROM generate_series(1, {ROWS}) n
"""
#: Lossy: 'bOB' and 'BOB' are 'Bob' for old code.
LOSSY = {
    "column": "users.name",
    "type": "text",
    "to": "handle",
    "using": "lower(name)",
    "back": "CASE WHEN handle IS NOT NULL THEN initcap(handle) END",
}
#: What a process may end with when its server goes.
STOPPED = (EcError, DBAPIError, OSError)
UNFILLED = "SELECT count(*) FROM users WHERE handle IS NULL"


@dataclass
class Pair:
    """A primary with a standby, and the URL that leads to whichever takes writes."""

    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        where = {
            "host": f"{self.primary.directory},{self.standby.directory}",
            "target_session_attrs": "read-write",
        }
        return f"postgresql://postgres@/postgres?{urlencode(where, safe='/,')}"

    async def cut(self) -> None:
        """Let the standby replay what is there now, and nothing that comes later."""
        primary, standby = await _session(self.primary), await _session(self.standby)
        here = await primary.fetchval("SELECT pg_current_wal_flush_lsn()::text")
        await until(lambda: standby.fetchval(f"SELECT pg_last_wal_replay_lsn() >= '{here}'"))
        await standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        await standby.execute("SELECT pg_reload_conf()")
        await until(lambda: primary.fetchval("SELECT count(*) = 0 FROM pg_stat_replication"))
        await primary.close()
        await standby.close()

    async def fail_over(self) -> None:
        """Kill the primary for good, and promote the standby."""
        await asyncio.to_thread(self.primary.stop, "immediate")
        standby = await _session(self.standby)
        assert await standby.fetchval("SELECT pg_promote()")
        await standby.close()


async def _session(server: Server) -> "asyncpg.Connection[Any]":
    return await asyncpg.connect(server.url())


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Give a primary whose standby follows at once."""
    settings = {"fsync": "off", "shared_buffers": "16MB"}
    with Server.start(VERSION, settings) as primary, Server.replica(primary) as standby:
        yield Pair(primary, standby)


@contextmanager
def _moments(*moments: tuple[str, Callable[[], Coroutine[None, None, None]]]) -> Iterator[None]:
    """Do one thing after another, each when its point is reached, while everything else stands still."""
    left = list(moments)

    def reached(here: str) -> None:
        if left and here == left[0][0]:
            _, work = left.pop(0)
            thread = threading.Thread(target=lambda: asyncio.run(work()))
            thread.start()
            thread.join()

    killpoints.watch(reached)
    try:
        yield
    finally:
        killpoints.watch(None)
    assert not left, f"{left[0][0]} was not reached"


@asynccontextmanager
async def _application(pair: Pair) -> AsyncIterator["asyncpg.Connection[Any]"]:
    conn: asyncpg.Connection[Any] = await asyncpg.connect(pair.url)
    try:
        yield conn
    finally:
        await conn.close()


async def _persist(verb: Callable[[], Awaitable[object]], check: Callable[[], Awaitable[None]]) -> None:
    """Run the same command until it succeeds; look after each time."""
    for _ in range(5):
        try:
            await verb()
        except STOPPED:
            await check()
        else:
            return await check()
    pytest.fail("the command does not get through")


async def _never_ready_unfilled(life: Life, pair: Pair) -> None:
    async with _application(pair) as application:
        left = await application.fetchval(UNFILLED)
        made = await application.fetchval("SELECT prosrc FROM pg_proc WHERE proname LIKE '~ec_%'")
    # The rules that hold from ready on take NULL for a value.
    assert not left or ("From ready on" not in made and not (await life.situation()).ready)


@pytest.mark.parametrize(
    ("lost_from", "died_at"),
    [
        ("backfill.begun", "backfill.copy.finished"),
        pytest.param("copy.laid", "backfill.copy.finished", marks=pytest.mark.slow),
        pytest.param("copy.batch.committed", "chunk.done", marks=pytest.mark.slow),
        pytest.param("chunk.leased", "backfill.copy.recorded", marks=pytest.mark.slow),
        ("copy.batch.committed", "backfill.index:ix_users_name.recorded"),
    ],
)
async def test_never_ready_with_rows_unfilled(pair: Pair, lost_from: str, died_at: str) -> None:
    """Whatever was lost, the same process or the same command goes on from what the ledger has there."""
    async with living(pair.url, "change-type", LOSSY, GIVEN) as life:
        await life.start()
        options = backfill.BackfillOptions(batch=50)

        async def once() -> None:
            await backfill.backfill(life.context, life.name, options)

        with _moments((lost_from, pair.cut), (died_at, pair.fail_over)), suppress(*STOPPED):
            await once()
        await _never_ready_unfilled(life, pair)
        await _persist(once, lambda: _never_ready_unfilled(life, pair))
        async with _application(pair) as application:
            assert await application.fetchval(UNFILLED) == 0
        assert (await life.situation()).ready


async def test_no_kept_value_is_lost_with_the_server_that_had_kept_it(pair: Pair) -> None:
    """Between keeping and removing: what was kept on the lost timeline is kept anew before anything goes."""
    async with living(pair.url, "change-type", LOSSY, GIVEN) as life:
        await life.ready()
        await life.sql("UPDATE users SET handle = upper(handle) WHERE id = 7")

        async def once() -> None:
            await life.rollback()

        with (
            _moments(("rollback.keep_writes.recorded", pair.cut), ("rollback.keep.recorded", pair.fail_over)),
            suppress(*STOPPED),
        ):
            await once()
        await _persist(once, lambda: asyncio.sleep(0))
        async with _application(pair) as application:
            kept = "SELECT DISTINCT new_value FROM expandcontract.conflict WHERE kind = 'kept'"
            assert [row[0] for row in await application.fetch(kept)] == ["NAME 7"]
