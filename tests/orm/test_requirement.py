"""The check at a program's start, with every driver, as the role of an application."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from expandcontract.ledger.migrate import migrate
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import EcError, MissingPrivilege, TimeIsUp, WrongState
from expandcontract.orm import require
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import living
from tests.orm.engines import async_engine, sync_engine
from tests.postgres import ledgers
from tests.postgres.ledgers import Ledger

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
"""
RENAME = {"column": "users.name", "new_name": "display_name"}


def having(*columns: str, schema: str | None = None) -> MetaData:
    """Return models of users."""
    metadata = MetaData()
    Table("users", metadata, *(Column(each, Integer) for each in ("id", *columns)), schema=schema)
    return metadata


OLD, NEW, BOTH, NEITHER = having("name"), having("display_name"), having("name", "display_name"), having()


async def _refused(url: str, metadata: MetaData) -> EcError:
    """Return the error of every driver, which is one and the same."""
    async with async_engine(url) as asyncpg, async_engine(url, "psycopg") as psycopg:
        with sync_engine(url) as plain:
            with pytest.raises(EcError) as caught:
                require(plain, metadata)
            for engine in (asyncpg, psycopg):
                with pytest.raises(type(caught.value)) as other:
                    await require(engine, metadata)
                assert str(other.value) == str(caught.value)
    return caught.value


async def _passes(url: str, *several: MetaData) -> None:
    async with async_engine(url) as engine:
        with sync_engine(url) as plain:
            for metadata in several:
                await require(engine, metadata)
                require(plain, metadata)


async def test_a_program_starts_where_its_models_fit(database: str) -> None:
    """Old code until contract, new code from ready on; who may not start is told code, why, state and next.
    The application's role has no right on the ledger.
    """
    async with (
        living(database, "rename-column", RENAME, GIVEN) as life,
        ledgers.opened(database) as ledger,
        ledgers.roles(ledger, "requirer"),
    ):
        url, name = ledgers.as_role(database, "requirer"), life.name
        await _passes(url, OLD, NEW, BOTH, NEITHER)
        await life.start()
        await _passes(url, OLD, BOTH)
        waits = await _refused(url, NEW)
        assert isinstance(waits, TimeIsUp)
        assert str(waits) == (
            "EC404 This program has to wait: The models have public.users.display_name alone, and the "
            f"change {name} is before ready. {name} is before ready. Next: ec backfill {name}"
        )
        assert isinstance(await _refused(url, NEITHER), WrongState)
        await life.backfill()
        await _passes(url, OLD, NEW, BOTH)
        await life.contract()
        await _passes(url, NEW)
        fails = await _refused(url, OLD)
        assert (fails.code, fails.state, fails.next) == ("EC312", f"{name} is hidden.", f"ec undo {name}")
        await _refused(url, BOTH)
        await life.undo()
        await _passes(url, OLD, NEW, BOTH)


async def test_a_program_waits_as_long_as_it_may(database: str) -> None:
    """It starts when the change is ready, without anybody who starts it again."""
    async with living(database, "rename-column", RENAME, GIVEN) as life, async_engine(database) as engine:
        await life.start()
        waiting = asyncio.create_task(require(engine, NEW, patience=timedelta(minutes=5)))
        with sync_engine(database) as plain:
            blocking = asyncio.create_task(
                asyncio.to_thread(require, plain, NEW, patience=timedelta(minutes=5))
            )
            await life.backfill()
            await asyncio.gather(waiting, blocking)


async def test_each_tenant_is_asked_for_by_its_map(database: str) -> None:
    """One may be ahead of the others: the map of the engine says which one is meant."""
    given = "CREATE SCHEMA a; CREATE SCHEMA b; " + "".join(
        GIVEN.replace("users", f"{each}.users") for each in "ab"
    )
    of_a = RENAME | {"column": "a.users.name"}
    async with living(database, "rename-column", of_a, given) as life, async_engine(database) as engine:
        await life.ready()
        await life.contract()
        a, b = (engine.execution_options(schema_translate_map={None: each}) for each in "ab")
        await require(b, OLD)
        await require(a, NEW)
        for metadata in (OLD, having("name", schema="a")):
            with pytest.raises(WrongState, match=r"a\.users\.name"):
                await require(a, metadata)


async def test_a_role_that_may_not_know_does_not_start(database: str) -> None:
    """It is told who may give it the right; without a ledger there is nothing to know."""
    async with ledgers.opened(database) as ledger, ledgers.roles(ledger, "requirer"):
        await ledger.sql("REVOKE ALL ON FUNCTION expandcontract_sync.changes() FROM PUBLIC")
        refused = await _refused(ledgers.as_role(database, "requirer"), OLD)
        assert isinstance(refused, MissingPrivilege)
        assert "GRANT EXECUTE ON FUNCTION expandcontract_sync.changes()" in str(refused)
        with sync_engine(ledgers.as_role(database, "requirer")) as engine:
            require(engine, OLD, schema="elsewhere")


async def test_the_ledger_is_where_the_settings_have_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for `ec` itself: a check that looks elsewhere would find nothing open. It asks where nothing may be
    written as well.
    """
    elsewhere = Ledger(Database(database, ledger_schema="kept"), Tables("kept"))
    await migrate(elsewhere.database)
    await elsewhere.sql(ledgers.TABLE)
    await ledgers.with_change(elsewhere)
    options = {"options": "-cdefault_transaction_read_only=on"}
    with sync_engine(database, connect_args=options) as engine:
        require(engine, NEW)
        monkeypatch.setenv("EC_LEDGER_SCHEMA", "kept")
        require(engine, OLD)
        with pytest.raises(TimeIsUp, match="Next: ec start"):
            require(engine, NEW)
        require(engine, NEW, schema="expandcontract")
    await elsewhere.database.close()
