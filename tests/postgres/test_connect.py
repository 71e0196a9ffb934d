"""Connections: the settings of every transaction, what a failure leaves behind, and poolers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import ConnectionLost, NotConnected, PoolerInTheWay, Refused, UsageError
from expandcontract.postgres import origin
from expandcontract.postgres.address import parse
from expandcontract.postgres.connect import Database
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.sqlstate import translate
from expandcontract.testing.server import Server
from tests.conftest import VERSION
from tests.pooler import pooled
from tests.waiting import until

SETTING = "SELECT pg_catalog.current_setting($1)"


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    """Give the database under test."""
    opened = Database(database)
    yield opened
    await opened.close()


async def administrate(url: str, *statements: str) -> None:
    """Run statements as the superuser, each by itself."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


#: What a DBA may have set for the database, and what a transaction of ours must have instead.
OURS = {
    "row_security": ("off", "off"),
    "search_path": ("public", "pg_catalog, pg_temp"),
    "lock_timeout": ("7", "100ms"),
    "statement_timeout": ("7000", "0"),
    "idle_in_transaction_session_timeout": ("7000", "0"),
    "synchronous_commit": ("off", "on"),
    "default_transaction_isolation": ("serializable", "serializable"),
    "DateStyle": ("german", "ISO, MDY"),
    "IntervalStyle": ("iso_8601", "postgres"),
    "quote_all_identifiers": ("on", "off"),
    "jit": ("on", "off"),
    "application_name": ("other", "ec"),
}


async def test_a_transaction_behaves_the_same_whatever_the_database_sets(database: str, db: Database) -> None:
    """Settings of the database (or role) do not reach us: each transaction begins with ours."""
    name = parse(database).database
    await administrate(
        database, *(f"ALTER DATABASE {name} SET {key} = '{theirs}'" for key, (theirs, _) in OURS.items())
    )
    async with db.transaction() as conn:
        assert {key: await value(conn, SETTING, key) for key in OURS} == {
            key: ours for key, (_, ours) in OURS.items()
        }
        assert await value(conn, SETTING, "transaction_isolation") == "read committed"


async def test_a_silent_transaction_is_ended_where_that_is_asked_for(database: str) -> None:
    """A process that was stopped in it leaves neither a transaction nor a lock behind, also on a session that
    is kept.
    """
    silence = timedelta(milliseconds=50)
    query = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1"
    pid = "SELECT pg_catalog.pg_backend_pid()"
    db, other = Database(database), Database(database)

    async def ended(silent: int) -> bool:
        async with other.transaction() as conn:
            return bool((await conn.exec_driver_sql(query, (silent,))).scalar_one())

    async def sleep() -> None:
        async with db.transaction(silence=silence) as conn:
            silent = await value(conn, pid)
            await until(lambda: ended(silent))

    async def sleep_on(conn: AsyncConnection) -> None:
        async with db.transaction_on(conn, silence=silence):
            silent = await value(conn, pid)
            await until(lambda: ended(silent))

    with pytest.raises(DBAPIError):
        await sleep()
    async with db.session() as kept:
        with pytest.raises(DBAPIError):
            await sleep_on(kept)
    await db.close()
    await other.close()


async def test_timeouts_of_a_few_milliseconds_end_nothing_of_ours(database: str) -> None:
    """5 ms for all that a DBA may limit: transactions, sessions and direct connections last as long as they
    need.
    """
    name = parse(database).database
    limits = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    limits += ["transaction_timeout"] if VERSION >= 17 else []
    await administrate(database, *(f"ALTER DATABASE {name} SET {limit} = '5ms'" for limit in limits))
    limited = Database(database)
    for _ in range(3):
        async with limited.transaction() as conn:
            await value(conn, "SELECT pg_catalog.pg_sleep(0.02)")
            await asyncio.sleep(0.02)
            assert await value(conn, SETTING, "statement_timeout") == "0"
    async with limited.session() as conn:
        await asyncio.sleep(0.02)
        async with limited.transaction_on(conn):
            await value(conn, "SELECT pg_catalog.pg_sleep(0.02)")
            await asyncio.sleep(0.02)
            assert await value(conn, SETTING, "lock_timeout") == "0"
    async with limited.direct() as conn:
        for _ in range(2):
            await value(conn, "SELECT pg_catalog.pg_sleep(0.02)")
            await asyncio.sleep(0.02)
    await limited.close()


async def test_a_transaction_can_be_patient_and_quick_to_commit(db: Database) -> None:
    """What is asked for holds for that transaction alone."""
    names = ("lock_timeout", "statement_timeout", "synchronous_commit")
    async with db.transaction(
        patient=True, synchronous=False, statement_timeout=timedelta(seconds=2)
    ) as conn:
        assert [await value(conn, SETTING, name) for name in names] == ["0", "2s", "off"]
    async with db.transaction() as conn:
        assert [await value(conn, SETTING, name) for name in names] == ["100ms", "0", "on"]


async def test_the_body_commits_as_a_whole_or_not_at_all(db: Database) -> None:
    """An exception of any kind rolls back, and the next transaction is clean."""
    async with db.transaction() as conn:
        await conn.exec_driver_sql("CREATE TABLE public.t (a int)")

    async def fail() -> None:
        async with db.transaction() as conn:
            await conn.exec_driver_sql("INSERT INTO public.t VALUES (1)")
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with db.transaction() as conn:
        assert await value(conn, "SELECT count(*) FROM public.t") == 0


async def test_a_cancelled_task_leaves_nothing_running(db: Database) -> None:
    """Cancelled in the middle of a statement: the server stops it, its locks go, and the pool serves on."""
    begun = asyncio.Event()

    async def work() -> None:
        async with db.transaction() as conn:
            await conn.exec_driver_sql("SELECT pg_catalog.pg_advisory_xact_lock(1)")
            begun.set()
            await conn.exec_driver_sql("SELECT pg_catalog.pg_sleep(60)")

    async def gone() -> bool:
        async with db.transaction() as conn:
            return bool(await value(conn, "SELECT pg_catalog.pg_try_advisory_xact_lock(1)"))

    task = asyncio.create_task(work())
    await begun.wait()
    assert not await gone()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(gone)


async def test_a_connection_that_died_in_the_pool_is_replaced(db: Database, database: str) -> None:
    """A restart between two transactions is not noticed."""
    async with db.transaction() as conn:
        pid = await value(conn, "SELECT pg_catalog.pg_backend_pid()")
    await administrate(database, f"SELECT pg_terminate_backend({pid}, 5000)")
    async with db.transaction() as conn:
        assert await value(conn, "SELECT 1") == 1


async def test_a_connection_that_dies_in_a_transaction_is_an_error(db: Database, database: str) -> None:
    """What was done in the transaction is lost with it, so it is never gone on with on another connection."""

    async def die() -> None:
        async with db.transaction() as conn:
            pid = await value(conn, "SELECT pg_catalog.pg_backend_pid()")
            await administrate(database, f"SELECT pg_terminate_backend({pid}, 5000)")
            await rows(conn, "SELECT 1")

    with pytest.raises(DBAPIError) as lost:
        await die()
    assert isinstance(translate(lost.value), ConnectionLost)


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[Server]:
    """Give a server that asks for a password."""
    with Server.start(18, {"fsync": "off"}, tcp=True) as started:
        yield started


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda url: url.replace("postgres:", "postgres:sesame", 1), "password authentication failed"),
        (lambda url: url.replace("postgres:", "nobody:sesame", 1), "password authentication failed"),
        (lambda url: f"{url}x", 'database "postgresx" does not exist'),
        (lambda url: url.rpartition(":")[0] + ":1/postgres", "Connect"),
        (lambda _url: "postgresql://postgres:sesame@db.invalid/x?connect_timeout=5", ""),
    ],
    ids=["password", "role", "database", "port", "host"],
)
async def test_who_cannot_connect_is_told_where_but_never_with_what(
    tcp_server: Server, damage: Callable[[str], str], says: str
) -> None:
    """A wrong address, role, password or database is NotConnected, exit 2, without the password."""
    url = damage(tcp_server.url())
    db = Database(url)
    with pytest.raises(NotConnected) as error:
        await db.server_version()
    await db.close()
    assert error.value.exit_code == 2
    assert says in error.value.why
    text = f"{error.value.message} {error.value.why} {db!r}"
    assert "sesame" not in text
    assert tcp_server.url().split(":")[2].split("@")[0] not in text


async def test_a_direct_connection_commits_each_statement_and_has_no_timeout(db: Database) -> None:
    """What cannot run inside a transaction runs there, with our search_path."""
    async with db.direct() as conn:
        await conn.exec_driver_sql("CREATE TABLE public.t (a int)")
        await conn.exec_driver_sql("CREATE INDEX CONCURRENTLY i ON public.t (a)")
        for name in ("lock_timeout", "statement_timeout"):
            assert await value(conn, SETTING, name) == "0"


async def test_a_direct_url_must_lead_to_the_same_database(server: Server, database: str) -> None:
    """Another database of the server is refused before anything runs there."""
    db = Database(database, direct_url=server.url("postgres"))
    with pytest.raises(UsageError, match="EC_DIRECT_URL"):
        async with db.direct():
            pass
    await db.close()


@pytest.fixture
async def pooler(database: str, server: Server) -> AsyncIterator[str]:
    """Give the URL of a PgBouncer in transaction mode that has one backend for all its clients."""
    async with pooled(server, database) as url:
        yield url


async def test_transactions_share_a_backend_behind_a_pooler(pooler: str) -> None:
    """Settings and statements of one transaction do not reach the next, which another client's may be."""
    db = Database(pooler)
    pids = set()

    async def work(number: int) -> None:
        async with db.transaction(statement_timeout=timedelta(seconds=number + 1)) as conn:
            pids.add(await value(conn, "SELECT pg_catalog.pg_backend_pid()"))
            assert await value(conn, SETTING, "statement_timeout") == f"{number + 1}s"
            assert await value(conn, "SELECT $1::int", number) == number

    await asyncio.gather(*(work(number) for number in range(8)))
    await db.close()
    assert len(pids) == 1


async def test_a_direct_connection_is_not_had_through_a_pooler(pooler: str, database: str) -> None:
    """PoolerInTheWay, exit 2, names the setting that helps; with it the connection goes around the pooler."""
    db, around = Database(pooler), Database(pooler, direct_url=database)
    with pytest.raises(PoolerInTheWay) as refused:
        async with db.direct():
            pass
    assert refused.value.exit_code == 2
    assert "EC_DIRECT_URL" in refused.value.next
    async with around.direct() as conn:
        assert await value(conn, SETTING, "lock_timeout") == "0"
    await db.close()
    await around.close()


async def test_nobody_writes_under_our_mark_through_a_pooler(pooler: str, server: Server) -> None:
    """A replication origin belongs to the server's session: it is taken past a pooler, never through it."""
    db = Database(pooler)
    with pytest.raises(Refused, match="through a pooler"):
        async with db.marked("pooled").direct():
            pass
    past = Database(pooler, direct_url=server.socket_url(parse(pooler).database or ""))
    async with past.marked("pooled").direct() as conn:
        assert await value(conn, "SELECT pg_catalog.pg_replication_origin_session_is_setup()")
    assert not await value_of(pooler, "SELECT pg_catalog.pg_replication_origin_session_is_setup()")

    async def free() -> bool:
        async with past.transaction() as conn:
            return await origin.drop(conn, "pooled") == ()

    await until(free)  # a session that was ended may still be on its way out
    for each in (db, past):
        await each.close()


async def value_of(url: str, query: str) -> object:
    """Return what another client gets."""
    db = Database(url)
    async with db.transaction() as conn:
        found: object = await value(conn, query)
    await db.close()
    return found
