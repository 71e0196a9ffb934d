"""What goes on beside us, as the server tells it: builds of indexes, and who holds the horizon back."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from expandcontract.model.activity import Activity
from expandcontract.model.events import Build
from expandcontract.postgres.activity import Site, builds_on, observe
from expandcontract.postgres.connect import Database
from tests.conftest import VERSION
from tests.waiting import until

TABLE = """
CREATE TABLE users (id int PRIMARY KEY, name text, display_name text);
INSERT INTO users SELECT n, 'name ' || n FROM generate_series(1, 5000) n;
-- An index on it is built no further than to this row while somebody holds the lock.
CREATE FUNCTION patient(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    'BEGIN IF id = 4000 THEN PERFORM pg_catalog.pg_advisory_xact_lock_shared(77); END IF; RETURN id; END';
"""


class Beside:
    """A table, sessions of others, and what is seen of them."""

    def __init__(self, url: str, database: Database) -> None:
        self._url, self._database = url, database
        self._sessions: list[asyncpg.Connection] = []

    async def session(self, name: str = "report") -> asyncpg.Connection:
        """Return a session of an application, which ends with the test."""
        opened = await asyncpg.connect(self._url, server_settings={"application_name": name})
        self._sessions.append(opened)
        return opened

    async def end(self) -> None:
        """Let all sessions go."""
        for session in self._sessions:
            session.terminate()

    async def seen(self) -> Activity:
        """Return what goes on."""
        async with self._database.transaction() as conn:
            oid = (await conn.exec_driver_sql("SELECT 'public.users'::regclass::oid::int8")).scalar_one()
            return (await observe(conn, [Site(1, (oid,), "display_name"), Site(2, (), "x")]))[1]

    async def build(self, wanted: Callable[[Build], bool]) -> Build:
        """Return the build once it is as wanted."""
        found: list[Build] = []

        async def there() -> bool:
            found[:] = [build for build in (await self.seen()).builds if wanted(build)]
            return bool(found)

        await until(there)
        async with self._database.transaction() as conn:
            assert [build.index for build in await builds_on(conn, "public.users")] == [found[0].index]
        return found[0]


@pytest.fixture
async def beside(database: str) -> AsyncIterator[Beside]:
    """Give the table and those beside it."""
    opened = Database(database)
    made = Beside(database, opened)
    await (await made.session("setup")).execute(TABLE)
    yield made
    await made.end()
    await opened.close()


async def test_a_build_that_waits_says_for_whom(beside: Beside) -> None:
    """CREATE INDEX CONCURRENTLY behind an open transaction: how many it waits for, and who is next."""
    writer, builder = await beside.session("billing"), await beside.session()
    await writer.execute("BEGIN; UPDATE users SET name = 'in the way' WHERE id = 1")
    work = asyncio.create_task(builder.execute('CREATE INDEX CONCURRENTLY "Ix" ON users (display_name)'))
    build = await beside.build(lambda build: build.waits_for is not None)
    assert (build.index, build.unit, build.done, build.total) == ('"Ix"', "lockers", 0, 1)
    assert build.phase == "waiting for writers before build"
    assert build.waits_for is not None
    assert build.waits_for.pid == writer.get_server_pid()
    assert build.waits_for.application_name == "billing"
    assert build.seconds >= 0
    await writer.execute("COMMIT")
    await work
    assert (await beside.seen()).builds == ()


async def test_a_build_that_scans_says_how_far_it_is(beside: Beside) -> None:
    """The blocks of the phase that it is in, of those that the table has."""
    holder, builder = await beside.session(), await beside.session()
    await holder.execute("SELECT pg_advisory_lock(77)")
    work = asyncio.create_task(builder.execute("CREATE INDEX CONCURRENTLY ix ON users (patient(id))"))
    build = await beside.build(lambda build: build.unit == "blocks" and 0 < build.done < build.total)
    blocks = await holder.fetchval("SELECT pg_relation_size('users') / 8192")
    assert (build.index, build.phase, build.total) == ("ix", "building index: scanning table", blocks)
    assert build.percent is not None
    assert 50 < build.percent < 100
    await holder.execute("SELECT pg_advisory_unlock(77)")
    await work


async def test_who_holds_the_horizon_back(beside: Beside) -> None:
    """The oldest first, with how many transactions were begun since: a snapshot, a prepared transaction. Not
    whoever has none, and not ourselves.
    """
    report, writer = await beside.session("report"), await beside.session("billing")
    await report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    for _ in range(5):
        await writer.execute("UPDATE users SET name = name WHERE id = 1")
    await writer.execute(
        "BEGIN; UPDATE users SET name = name WHERE id = 2; PREPARE TRANSACTION 'left behind'"
    )
    await writer.execute("UPDATE users SET name = name WHERE id = 3")
    held = (await beside.seen()).horizon
    pid = report.get_server_pid()
    assert held[0].who == f"pid {pid} (report, postgres, idle in transaction)"
    assert held[0].transactions >= 6
    assert held[0].seconds is not None
    assert "prepared transaction left behind" in {holder.who for holder in held}
    assert not [holder.who for holder in held if "(ec," in holder.who or "billing" in holder.who]
    await writer.execute("ROLLBACK PREPARED 'left behind'")
    await report.execute("COMMIT")
    assert not [holder for holder in (await beside.seen()).horizon if str(pid) in holder.who]


async def test_which_indexes_a_write_of_the_new_side_touches(beside: Beside) -> None:
    """Those that name the column in whatever way: as key, in an expression, in the predicate, or included.

    An index that only summarizes blocks does so until 15.
    """
    setup = await beside.session()
    await setup.execute("""
        CREATE INDEX key ON users (name, display_name);
        CREATE INDEX expression ON users (lower(display_name));
        CREATE INDEX predicate ON users (name) WHERE display_name IS NULL;
        CREATE INDEX included ON users (name) INCLUDE (display_name);
        CREATE INDEX summary ON users USING brin (display_name);
        CREATE INDEX other ON users (name);
        CREATE SCHEMA "Else"; CREATE TABLE "Else".users (display_name text UNIQUE);
    """)
    blocking = {"key", "expression", "predicate", "included", *(["summary"] if VERSION < 16 else [])}
    assert {*(await beside.seen()).new_indexes} == {f"public.{name}" for name in blocking}
