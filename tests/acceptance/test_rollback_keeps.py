"""What rollback keeps is what it removes, wherever it stopped in between, and whoever wrote meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import restore, rollback
from expandcontract.model.errors import LockBudgetSpent
from expandcontract.model.phases import Section, Stage
from expandcontract.model.step import Transactional
from expandcontract.steps import keep_on_rollback
from tests.acceptance.catalog import describe, difference, sync_functions
from tests.acceptance.cycle import Life, living
from tests.acceptance.moments import dies_at

_GIVEN = """
CREATE TABLE users(id int PRIMARY KEY, name text, other int);
INSERT INTO users SELECT i, 'Name ' || i FROM generate_series(1, 40) i
"""
#: Lossy: 'bOB' and 'BOB' are 'Bob' for old code.
_LOSSY = {
    "column": "users.name",
    "type": "text",
    "to": "handle",
    "using": "lower(name)",
    "back": "CASE WHEN handle IS NOT NULL THEN initcap(handle) END",
}
_RENAME = {"column": "users.name", "new_name": "handle"}
_OFF = 'ALTER TABLE users DISABLE TRIGGER "{trigger}"'
_ON = 'ALTER TABLE users ENABLE ALWAYS TRIGGER "{trigger}"'


@asynccontextmanager
async def _reader(url: str) -> AsyncIterator[None]:
    """A transaction that has read the table: nothing can be dropped while it is open."""
    reader: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        await reader.execute("BEGIN; SELECT FROM users LIMIT 1")
        yield
    finally:
        await reader.close()


async def _stopped(life: Life) -> None:
    """Try to roll back while somebody reads: it stops before the removal."""
    policy = replace(life.context.policy, lock_budget=timedelta(seconds=0.3))
    async with _reader(life.url):
        with pytest.raises(LockBudgetSpent):
            await rollback.rollback(replace(life.context, policy=policy), life.name)


async def _kept(life: Life) -> dict[str, str | None]:
    """Return the last value that is kept of each row."""
    query = "SELECT key->>'id', new_value FROM expandcontract.conflict WHERE kind = 'kept' ORDER BY id"
    return {str(row[0]): row[1] for row in await life.rows(query)}


async def test_what_is_written_after_a_stopped_rollback_is_kept_too(database: str) -> None:
    """By each way of writing; the last value of a row counts, also where it is none that old code lacks."""
    async with living(database, "change-type", _LOSSY, _GIVEN) as life:
        before = await describe(life.app, "users")
        await life.ready()
        await life.sql("UPDATE users SET handle = upper(handle) WHERE id IN (1, 2, 5)")
        await _stopped(life)
        assert await _kept(life) == {"1": "NAME 1", "2": "NAME 2", "5": "NAME 5"}
        await life.sql("UPDATE users SET handle = 'sECOND' WHERE id = 2")
        await life.sql("INSERT INTO users (id, handle) VALUES (41, 'nEW')")
        await life.sql("INSERT INTO users (id, name, handle) VALUES (42, 'Both', 'bOTH')")
        await life.sql("UPDATE users SET name = 'Old' WHERE id = 5")
        await life.sql(
            "INSERT INTO users (id, name) VALUES (3, 'X') ON CONFLICT (id) DO UPDATE SET handle = 'cONFLICT'"
        )
        await life.rollback()
        assert await _kept(life) == {
            "1": "NAME 1", "2": "sECOND", "3": "cONFLICT", "5": "old", "41": "nEW", "42": "bOTH",
        }  # fmt: skip
        assert difference(before, await describe(life.app, "users")) == []
        assert await sync_functions(life.app) == []
        await life.ready()
        given = await restore.restore(life.context, life.name)
        query = "SELECT handle FROM users WHERE id IN (1, 2, 3, 5, 41, 42) ORDER BY id"
        values = ["NAME 1", "sECOND", "cONFLICT", "old", "nEW", "bOTH"]
        assert ([row[0] for row in await life.rows(query)], given.refused) == (values, 0)


async def test_what_is_written_while_a_killed_rollback_waits_is_kept_too(database: str) -> None:
    """The process dies after it looked at the rows, or before: one that moved since is not missed."""
    async with living(database, "change-type", _LOSSY, _GIVEN, to=Stage.READY) as life:
        await life.sql("UPDATE users SET handle = upper(handle) WHERE id = 1")
        for point in ("rollback.keep_writes.recorded", "keep.laid", "rollback.keep.recorded"):
            with dies_at(point):
                await life.rollback()
            await life.sql("UPDATE users SET other = 1 WHERE id = 1")
        await life.sql("UPDATE users SET handle = upper(handle) WHERE id = 2")
        await life.rollback()
        assert await _kept(life) == {"1": "NAME 1", "2": "NAME 2"}


async def test_a_value_that_drifted_under_equal_sides_is_kept(database: str) -> None:
    """The trigger was off for a moment; before the rollback, and between keeping and removing."""
    async with living(database, "rename-column", _RENAME, _GIVEN) as life:
        await life.ready()
        trigger = (await life.situation()).plan.trigger
        off, on = _OFF.format(trigger=trigger), _ON.format(trigger=trigger)
        await life.sql(f"{off}; UPDATE users SET handle = 'only new' WHERE id = 1; {on}")
        await _stopped(life)
        assert await _kept(life) == {"1": "only new"}
        await life.sql(f"{off}; UPDATE users SET handle = 'later' WHERE id = 2; {on}")
        await life.sql("ALTER TABLE users DISABLE TRIGGER USER")
        await life.sql("UPDATE users SET handle = 'unseen' WHERE id = 3")
        await life.rollback()
        assert await _kept(life) == {"1": "only new", "2": "later", "3": "unseen"}


async def test_a_rollback_that_is_given_up_leaves_nothing_to_contract(database: str) -> None:
    """After a stopped rollback the change can still be contracted: what noted writes is gone then."""
    async with living(database, "change-type", _LOSSY, _GIVEN, to=Stage.READY) as life:
        await _stopped(life)
        await life.contract()
        await life.sql("UPDATE users SET handle = 'aFTER' WHERE id = 1")
        await life.undo()
        assert await life.value("SELECT name FROM users WHERE id = 1") == "After"
        await life.rollback()
        assert await sync_functions(life.app) == []
        assert await _kept(life) == {"1": "aFTER"}


@pytest.mark.parametrize(("kind", "fields"), [("rename-column", _RENAME), ("change-type", _LOSSY)])
async def test_a_plan_of_an_earlier_program_keeps_as_well(
    database: str, kind: str, fields: dict[str, object]
) -> None:
    """Its plan keeps nothing of what is written meanwhile, and of equal sides nothing at all: the same steps
    are made for it.
    """
    async with living(database, kind, fields, _GIVEN) as life:
        made = await life.plan()
        keep, remove = made.steps(Section.ROLLBACK)[1:]
        assert isinstance(remove.action, Transactional)
        statements = tuple(s for s in remove.action.statements if "~er_" not in s and "~es_" not in s)
        old = (keep, replace(remove, action=replace(remove.action, statements=statements)))
        earlier = replace(
            made,
            sections={
                **made.sections,
                Section.ROLLBACK: old if fields is _LOSSY else old[1:],
                Section.REPAIR: made.steps(Section.REPAIR)[:-1],
            },
        )
        assert keep_on_rollback.completed(earlier, "expandcontract") == made
        assert keep_on_rollback.completed(made, "expandcontract") is made
