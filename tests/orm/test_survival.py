"""Cached plans beside a change, with every driver: what fails, how often, and what `survive` makes of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from expandcontract.orm import survive
from expandcontract.orm.survival import outdated, sqlstates
from tests.acceptance.cycle import Expected, Fields, Life, living
from tests.orm.engines import async_engine, sync_engine

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, size int);
INSERT INTO users VALUES (1, 'Ada', 1);
"""
FUNCTION = """
CREATE FUNCTION half(of_user users) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN of_user.size / 2; END'
"""
RENAME = {"column": "users.name", "new_name": "display_name"}
SWAP = {"column": "users.size", "type": "bigint", "swap": True}
#: psycopg prepares what was run five times; as often is each of these used after a turn.
OFTEN = 8

Use = Callable[[str], Awaitable[None]]


@dataclass
class Program:
    """A program with one connection, that runs one statement again and again."""

    use: Use
    statement: str
    failures: list[int] = field(default_factory=list)

    async def turn(self) -> None:
        """Use it often, and keep how often that failed: never otherwise than by a cached plan."""
        failures = 0
        for _ in range(OFTEN):
            try:
                await self.use(self.statement)
            except DBAPIError as error:
                if not outdated(error):
                    raise
                failures += 1
        self.failures.append(failures)


@asynccontextmanager
async def _using(
    url: str, driver: str, *, autocommit: bool, survives: bool, options: Mapping[str, Any]
) -> AsyncIterator[Use]:
    """Give what uses the one connection of an engine."""
    kind, _, name = driver.partition(" ")
    pool: dict[str, Any] = {"pool_size": 1, "max_overflow": 0, "connect_args": dict(options)}
    if autocommit:
        pool["isolation_level"] = "AUTOCOMMIT"
    if kind == "sync":
        with sync_engine(url, name, **pool) as engine:
            if survives:
                survive(engine)

            async def use(statement: str) -> None:
                with engine.begin() as connection:
                    connection.execute(text(statement)).all()

            yield use
    else:
        async with async_engine(url, name, **pool) as engine_:
            if survives:
                survive(engine_)
            yield _async_use(engine_)


def _async_use(engine: AsyncEngine) -> Use:
    async def use(statement: str) -> None:
        async with engine.begin() as connection:
            (await connection.execute(text(statement))).all()

    return use


DRIVERS = ("sync psycopg", "async psycopg", "async asyncpg")


@asynccontextmanager
async def _programs(url: str, statement: str) -> AsyncIterator[dict[tuple[str, str, str], Program]]:
    """Give a program of each driver, in autocommit and in transactions, with `survive` and without."""
    async with AsyncExitStack() as stack:
        found = {}
        for driver in DRIVERS:
            for mode in ("autocommit", "transactions"):
                for how in ("survives", "bare"):
                    entered = _using(
                        url, driver, autocommit=mode == "autocommit", survives=how == "survives", options={}
                    )
                    use = await stack.enter_async_context(entered)
                    found[driver, mode, how] = Program(use, statement)
        entered = _using(
            url, "sync psycopg", autocommit=True, survives=False, options={"prepare_threshold": None}
        )
        use = await stack.enter_async_context(entered)
        found["sync psycopg", "autocommit", "prepare_threshold=None"] = Program(use, statement)
        yield found


async def _lived(
    url: str, fields: Fields, kind: str, statement: str
) -> dict[tuple[str, str, str], list[int]]:
    """Return how often each program failed after each turn; the last ones are contract and purge."""
    async with living(url, kind, fields, GIVEN) as life, _programs(url, statement) as programs:

        async def turn() -> None:
            for program in programs.values():
                await program.turn()

        await turn()
        for act in (life.start, life.backfill, life.contract, life.undo, lambda: _to_the_end(life)):
            await act()
            await turn()
    return {of: program.failures for of, program in programs.items()}


async def _to_the_end(life: Life) -> None:
    await life.verify()
    await life.contract()
    await life.purge()


async def test_a_statement_that_reads_everything_fails_once_at_each_turn(database: str) -> None:
    """At expand, contract, undo and purge. psycopg in autocommit fails for ever, unless it survives or
    prepares nothing.
    """
    failures = await _lived(database, RENAME, "rename-column", "SELECT * FROM users")
    once, for_ever = [0, 1, 0, 1, 1, 1], [0, *[OFTEN] * 5]
    for driver, mode, how in failures:
        found = failures[driver, mode, how]
        if how == "prepare_threshold=None":
            assert found == [0] * 6
        elif how == "bare" and mode == "autocommit" and "psycopg" in driver:
            assert found == for_ever, driver
        else:
            assert found == once, (driver, mode, how)


async def test_a_statement_that_names_the_column_fails_at_a_swap(database: str) -> None:
    """Where the type changes under one name: at contract, and when that is undone. Nowhere else."""
    failures = await _lived(database, SWAP, "change-type", "SELECT id, size FROM users")
    for (driver, mode, how), found in failures.items():
        if how == "prepare_threshold=None":
            assert found == [0] * 6
        elif how == "bare" and mode == "autocommit" and "psycopg" in driver:
            assert found[:3] == [0, 0, 0], driver
            assert found[3] == OFTEN, driver
        else:
            assert found == [0, 0, 0, 1, 1, 1], (driver, mode, how)


async def test_what_a_session_compiled_of_a_function_goes_with_its_connection(database: str) -> None:
    """A function in plpgsql that takes the row fails after a swap, in each session that called it before,
    whatever the driver prepares: only another connection has it compiled anew.
    """
    async with living(database, "change-type", SWAP, GIVEN + FUNCTION) as life, AsyncExitStack() as stack:
        found = {}
        for how in ("survives", "bare"):
            entered = _using(
                database, "async asyncpg", autocommit=False, survives=how == "survives", options={}
            )
            use = await stack.enter_async_context(entered)
            found[how] = Program(use, "SELECT half(users) FROM users")
            await found[how].turn()
        await life.ready(acknowledged=Expected({"row-argument:public.half(public.users)"}))
        await life.contract()
        for program in found.values():
            await program.turn()
    assert found["survives"].failures == [0, 1]
    assert found["bare"].failures == [0, OFTEN]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_other_errors_leave_the_connection(database: str, driver: str) -> None:
    """0A000 is said of much that has nothing to do with plans, and other SQLSTATEs of nothing that has."""
    statements = {
        "42703": "SELECT nothing FROM pg_class",
        "0A000": "SELECT count(*) FROM pg_class FOR UPDATE",
        "42804": "SELECT CASE WHEN true THEN 1 ELSE '{}'::json END",
    }
    async with _using(database, driver, autocommit=False, survives=True, options={}) as use:
        for sqlstate, statement in statements.items():
            with pytest.raises(DBAPIError) as caught:
                await use(statement)
            assert sqlstates(caught.value) == {sqlstate}
            assert not caught.value.connection_invalidated


def test_who_asks_twice_listens_once(database: str) -> None:
    """A factory of engines may be called again and again."""
    with sync_engine(database) as engine:
        survive(engine)
        before = len(list(engine.dialect.dispatch.handle_error))
        survive(engine)
        assert len(list(engine.dialect.dispatch.handle_error)) == before
