"""Units of work that are run again, on a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from expandcontract.orm import retrying
from tests.orm.engines import async_engine, sync_engine

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, size int); CREATE TABLE log (said text);
INSERT INTO users VALUES (1, 'Ada', 1), (2, 'Bob', 2);
CREATE FUNCTION half(of_user users) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN of_user.size / 2; END'
"""
FAIL = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"


@pytest.fixture
async def other(empty_database: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Give another program's connection, and the tables."""
    connection = await asyncpg.connect(empty_database)
    await connection.execute(GIVEN)
    yield connection
    await connection.close()


@pytest.fixture
def engine(empty_database: str, other: object) -> Iterator[Engine]:
    """Give an engine with one connection."""
    del other
    with sync_engine(empty_database, pool_size=1, max_overflow=0) as made:
        yield made


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_unit_is_run_again_and_leaves_nothing_of_the_try_before(engine: Engine, sqlstate: str) -> None:
    """Each try has its own transaction; the one that ends well is committed."""
    tries = []

    def unit(session: Session) -> int:
        tries.append(session)
        session.execute(text("INSERT INTO log VALUES ('here')"))
        if len(tries) < 3:
            session.execute(text(FAIL.format(sqlstate)))
        return len(tries)

    assert retrying(sessionmaker(engine))(unit) == 3
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM log")).scalar_one() == 1


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_two_units_that_deadlock_both_end_well(
    empty_database: str, other: "asyncpg.Connection[Any]", driver: str
) -> None:
    """The server ends one of them, which is run again after the other."""
    del other
    async with async_engine(empty_database, driver) as engine:
        run, both, tries = retrying(async_sessionmaker(engine)), asyncio.Barrier(2), list[int]()

        async def write(session: AsyncSession, row: int) -> None:
            await session.execute(text(f"UPDATE users SET size = size + 1 WHERE id = {row}"))

        async def unit(session: AsyncSession, first: int, then: int) -> None:
            tries.append(first)
            await session.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
            await write(session, first)
            if len(tries) <= 2:
                await both.wait()
            await write(session, then)

        await asyncio.gather(run(lambda each: unit(each, 1, 2)), run(lambda each: unit(each, 2, 1)))
        async with engine.connect() as connection:
            found = (await connection.execute(text("SELECT sum(size) FROM users"))).scalar_one()
    assert found == 7
    assert len(tries) == 3


async def test_a_row_that_another_changed_is_read_again(
    empty_database: str, other: "asyncpg.Connection[Any]"
) -> None:
    """In REPEATABLE READ, as in a transaction that writes a row of the batch that is copied."""
    async with async_engine(empty_database, isolation_level="REPEATABLE READ") as engine:
        read: list[int] = []

        async def unit(session: AsyncSession) -> None:
            read.append((await session.execute(text("SELECT size FROM users WHERE id = 1"))).scalar_one())
            if len(read) == 1:
                await other.execute("UPDATE users SET size = 10 WHERE id = 1")
            await session.execute(text(f"UPDATE users SET size = {read[-1] + 1} WHERE id = 1"))

        await retrying(async_sessionmaker(engine))(unit)
    assert read == [1, 10]
    assert await other.fetchval("SELECT size FROM users WHERE id = 1") == 11


async def test_nobody_feels_a_plan_that_no_longer_fits(
    empty_database: str, other: "asyncpg.Connection[Any]"
) -> None:
    """Prepared by a driver, or compiled by the session: it is run again on another connection."""
    units = ("SELECT * FROM users", "SELECT half(users) FROM users")

    def use(session: Session) -> None:
        for unit in units:
            session.execute(text(unit)).all()

    async def use_async(session: AsyncSession) -> None:
        for unit in units:
            (await session.execute(text(unit))).all()

    one: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}
    async with (
        async_engine(empty_database, **one) as engine,
        async_engine(empty_database, "psycopg", **one) as e2,
    ):
        with sync_engine(empty_database, **one) as plain:
            runs = [retrying(async_sessionmaker(each)) for each in (engine, e2)]
            run = retrying(sessionmaker(plain))
            for turn in range(2):
                for _ in range(8):
                    run(use)
                    for each in runs:
                        await each(use_async)
                if turn == 0:
                    await other.execute("ALTER TABLE users ADD more int, ALTER size TYPE bigint")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_unit_is_not_run_for_ever(empty_database: str, driver: str) -> None:
    """After the last try the error is raised; one of another kind is raised at once."""
    async with async_engine(empty_database, driver) as engine:
        for sqlstate, wanted in (("40001", 3), ("23505", 1), ("0A000", 1), ("42804", 1)):
            tries = list[int]()

            async def unit(session: AsyncSession, sqlstate: str = sqlstate, tries: list[int] = tries) -> None:
                tries.append(1)
                await session.execute(text(FAIL.format(sqlstate)))

            with pytest.raises(DBAPIError):
                await retrying(async_sessionmaker(engine), tries=3)(unit)
            assert len(tries) == wanted, sqlstate
        with pytest.raises(ValueError, match="once at least"):
            retrying(async_sessionmaker(engine), tries=0)


def test_an_error_at_commit_is_one_of_the_unit(engine: Engine) -> None:
    """What is deferred is judged there."""
    with engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE tried"))
        connection.execute(
            text(
                "CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                r"IF nextval('tried') < 3 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF; "
                "RETURN NULL; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER judged AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION judge()"
            )
        )
    retrying(sessionmaker(engine))(lambda session: session.execute(text("INSERT INTO log VALUES ('x')")))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM log")).scalar_one() == 1


async def test_what_is_no_unit_is_refused(empty_database: str, engine: Engine) -> None:
    """A generator has not run when it returns, nor has a coroutine that nobody waits for; in AUTOCOMMIT each
    statement would stand, and be run twice: none is.
    """

    async def later(session: Session) -> None:
        del session

    for no_unit in (lambda _: (each for each in (1,)), later):
        with pytest.raises(TypeError, match="unit of work"):
            retrying(sessionmaker(engine))(no_unit)
    async with async_engine(empty_database) as with_asyncio:
        with pytest.raises(TypeError, match="unit of work"):
            await retrying(async_sessionmaker(with_asyncio))(lambda _: 1)  # type: ignore[arg-type, return-value]
    insert = text("INSERT INTO log VALUES ('here')")
    for driver in ("asyncpg", "psycopg"):
        async with async_engine(empty_database, driver, isolation_level="AUTOCOMMIT") as alone:
            with pytest.raises(ValueError, match="AUTOCOMMIT"):
                await retrying(async_sessionmaker(alone))(lambda session: session.execute(insert))
    with pytest.raises(ValueError, match="AUTOCOMMIT"):
        retrying(sessionmaker(engine.execution_options(isolation_level="AUTOCOMMIT")))(
            lambda session: session.execute(insert)
        )
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM log")).scalar_one() == 0
