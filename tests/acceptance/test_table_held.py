"""Somebody else holds the table while a change is planned and begun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import plan
from expandcontract.model.errors import LockBudgetSpent
from expandcontract.model.events import LockTried
from tests.acceptance.cycle import POLICY, living

GIVEN = "CREATE TABLE users (id int PRIMARY KEY, name text)"
FIELDS = {"column": "users.name", "new_name": "full_name"}
IMPATIENT = replace(POLICY, lock_budget=timedelta(seconds=1))


@asynccontextmanager
async def held(url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Give a session that holds the table against everybody."""
    other: asyncpg.Connection[Any] = await asyncpg.connect(
        url, server_settings={"application_name": "loader"}
    )
    await other.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    try:
        yield other
    finally:
        await other.close()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("verb", ["plan", "start"])
async def test_who_holds_the_table_is_named_when_the_budget_is_spent(database: str, verb: str) -> None:
    """Exit 5, with the session that is in the way; nothing was begun."""
    async with living(database, "rename-column", FIELDS, GIVEN, IMPATIENT) as life, held(database) as other:
        with pytest.raises(LockBudgetSpent, match="users") as spent:
            await getattr(life, verb)()
        assert spent.value.exit_code == 5
        assert f"pid {other.get_server_pid()} (loader" in spent.value.why
        assert await other.fetchval("SELECT count(*) FROM expandcontract.change") == 0


async def test_a_table_that_comes_free_in_time_is_waited_for(database: str) -> None:
    """The first try fails, and a later one plans."""
    async with living(database, "rename-column", FIELDS, GIVEN) as life, held(database) as other:
        planning = asyncio.create_task(plan.make(life.context, life.change))

        def tried() -> bool:
            return any(isinstance(event, LockTried) for event in life.heard)

        while not tried():
            assert not planning.done()
            await asyncio.sleep(0.01)
        await other.execute("COMMIT")
        assert (await planning).change == life.change
