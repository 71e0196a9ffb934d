"""Heartbeats of the application: one row for each instance, written by roles without rights on it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from expandcontract.ledger import reader
from expandcontract.model.users import Instance
from expandcontract.orm import beat_on_use, beating, heartbeat
from expandcontract.postgres import sessions
from expandcontract.postgres.address import parse
from expandcontract.postgres.query import together
from tests.postgres import ledgers
from tests.postgres.ledgers import Ledger
from tests.waiting import until

SHORT = timedelta(milliseconds=50)
LONG = timedelta(minutes=5)


@asynccontextmanager
async def _application(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args=parse(url).connect_arguments(), hide_parameters=True
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def _alive(ledger: Ledger) -> list[Instance]:
    async with ledger.database.transaction() as conn:
        fleet = ledger.tables.fleet_v1
        rows = (await conn.execute(fleet.select().where(~fleet.c.silent))).mappings()
        return sorted(
            (each for each in (Instance(**row) for row in rows) if not each.silent),
            key=lambda each: (each.application, each.name, each.role),
        )


async def _only(ledger: Ledger, names: list[str]) -> None:
    async def just_these() -> bool:
        return [each.name for each in await _alive(ledger)] == names

    await until(just_these)


async def test_a_role_without_any_right_says_its_version(database: str) -> None:
    """A15: under hardened default privileges, without USAGE on the ledger, it writes its own row alone."""
    async with ledgers.opened(database) as ledger:
        await ledger.sql("CREATE ROLE beater_1 LOGIN; CREATE ROLE beater_2 LOGIN")
        try:
            for role, version in (("beater_1", "41"), ("beater_2", "42"), ("beater_1", "43")):
                async with _application(database.replace("//postgres@", f"//{role}@", 1)) as engine:
                    await heartbeat(engine, application="web", version=version, instance="w:1")
                    with pytest.raises(DBAPIError):
                        async with engine.begin() as conn:
                            await conn.execute(text("SELECT * FROM expandcontract.instance"))
            found = await _alive(ledger)
            assert [(each.role, each.version) for each in found] == [("beater_1", "43"), ("beater_2", "42")]
        finally:
            await ledger.sql("DROP ROLE beater_1; DROP ROLE beater_2")


async def test_an_instance_that_is_silent_counts_no_more(database: str) -> None:
    """After three intervals it is gone by itself; its row goes a day later, with a new instance."""
    async with ledgers.opened(database) as ledger, _application(database) as engine:
        await heartbeat(engine, application="web", version="1", instance="brief", every=SHORT)
        await heartbeat(engine, application="web", version="1", instance="long", every=LONG)
        await _only(ledger, ["long"])
        assert await ledger.one("SELECT count(*) FROM expandcontract.instance") == 2
        await ledger.sql("UPDATE expandcontract.instance SET last_seen = now() - interval '25 h'")
        await heartbeat(engine, application="worker", version="1", instance="new", every=LONG)
        assert await ledger.one("SELECT count(*) FROM expandcontract.instance") == 1


async def test_beating_goes_on_while_the_body_runs(database: str) -> None:
    """The same row is kept fresh; nothing beats afterwards."""
    async with ledgers.opened(database) as ledger, _application(database) as engine:
        seen: set[datetime] = set()
        # One that takes longer than this is given up, and a machine may be busy.
        every = timedelta(seconds=0.5)
        async with beating(engine, application="web", version="1", instance="a", every=every):

            async def three_times() -> bool:
                seen.update(each.last_seen for each in await _alive(ledger))
                return len(seen) >= 3

            await until(three_times)
        assert await ledger.one("SELECT count(*) FROM expandcontract.instance") == 1
        await _only(ledger, [])


async def test_what_goes_wrong_with_a_heartbeat_is_logged(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a ledger the application runs undisturbed."""
    async with _application(empty_database) as engine:
        with pytest.raises(DBAPIError):
            await heartbeat(engine, application="web", version="1")
        with caplog.at_level(logging.WARNING):
            async with beating(engine, application="web", version="1", every=SHORT):
                await until(lambda: caplog.records)
            caplog.clear()
            beat_on_use(engine.sync_engine, application="web", version="1", every=SHORT)
            async with engine.connect() as conn:
                assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
        assert "heartbeat of web" in caplog.text


async def test_a_heartbeat_comes_with_the_use_of_a_connection(database: str) -> None:
    """Once in an interval, whatever the names are; the application's transaction is not touched."""
    async with ledgers.opened(database) as ledger, _application(database) as engine:
        beat_on_use(engine.sync_engine, application="it's :a\\b", version="1", instance="%s", every=LONG)
        await heartbeat(engine, application="it's :a\\b", version="2", instance="x", every=LONG)
        for _ in range(3):
            async with engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
                await conn.rollback()
        found = await _alive(ledger)
        assert [(each.application, each.name) for each in found] == [
            ("it's :a\\b", "%s"),
            ("it's :a\\b", "x"),
        ]
        assert await ledger.one("SELECT count(DISTINCT last_seen) FROM expandcontract.instance") == 2


async def test_a_heartbeat_within_a_transaction_is_seen_when_it_commits(database: str) -> None:
    """Given a connection, it is the caller's transaction that says it."""
    async with ledgers.opened(database) as ledger, _application(database) as engine:
        async with engine.begin() as conn:
            await heartbeat(conn, application="web", version="1", instance="a")
            assert await _alive(ledger) == []
        assert [each.version for each in await _alive(ledger)] == ["1"]


async def test_instances_are_part_of_a_situation(database: str) -> None:
    """Loaded with what is watched, whatever the change."""
    async with ledgers.changing(database) as ledger, _application(database) as engine:
        await heartbeat(engine, application="web", version="7", instance="a")
        async with ledger.database.transaction() as conn:
            queries = reader.watch_queries(ledger.tables) | {"sessions": sessions.QUERY}
            seen = await together(conn, queries, [])
        found: Any = reader.watched(seen, [await ledger.situation()])
        assert [each.version for each in found[0].instances] == ["7"]
        assert found[0].watch is None
