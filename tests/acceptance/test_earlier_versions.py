"""A change that an earlier version opened is carried on by this one, from wherever it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import init
from expandcontract.model.change import Change
from expandcontract.model.events import ignore
from expandcontract.postgres.connect import Database
from tests.acceptance.catalog import Connection, describe, difference, sync_functions
from tests.acceptance.cycle import IN_A_HURRY, POLICY, Life
from tests.conftest import VERSION
from tests.ledgers.changes import CHANGES, NAME, ROWS, STAGES, TABLE, Kept
from tests.ledgers.restore import restore
from tests.rotation import part

#: The proof was made on the day of the release.
UNHURRIED = replace(POLICY, proof_max_age=timedelta(days=36_500))
READY, PROVEN = ("ready", "proven", "undone"), ("proven", "hidden", "undone")
#: In the quick tier half of the stages in each commit, each once.
QUICK = part([(list(CHANGES)[number % len(CHANGES)], stage) for number, stage in enumerate(STAGES)], 2)

pytestmark = pytest.mark.skipif(
    VERSION != 18, reason="not on PostgreSQL 16 and 15: kept by a server of version 18"
)


def _all() -> list[object]:
    return [
        pytest.param(
            example,
            stage,
            id=f"{example}-{stage}",
            marks=[] if (example, stage) in QUICK else pytest.mark.slow,
        )
        for example in CHANGES
        for stage in STAGES
    ]


@pytest.mark.parametrize(("example", "stage"), _all())
async def test_a_change_is_carried_to_its_end(empty_database: str, example: str, stage: str) -> None:
    """Through contract, undo, contract and purge: both sides hold at each turn what either application wrote,
    and in the end the table is what it was to be.
    """
    kept = CHANGES[example]
    async with _found(empty_database, example, stage) as life:
        rows = _Rows(life, kept)
        if stage != "hidden":
            await rows.write(kept.old, 1)
            if stage == "expanded":
                await life.start()
            await rows.write(kept.old, 2)
            await life.backfill()
            await rows.write(kept.old, 3)
            await rows.write(kept.new, 4)
            await rows.require(kept.old, kept.new)
            await life.verify()
            await life.contract()
        await rows.write(kept.after, 5)
        await life.undo()
        await rows.write(kept.old, 6)
        await rows.write(kept.new, 7)
        await rows.require(kept.old, kept.new)
        await life.backfill()
        await life.contract()
        await life.purge()
        await rows.write(kept.after, 8)
        await rows.require(kept.after)
        assert await sync_functions(life.app) == []
        assert (
            difference(
                await _described(life, f"DROP TABLE people; {TABLE}; {kept.intended}"),
                await describe(life.app, "people"),
            )
            == []
        )


@pytest.mark.parametrize(("example", "stage"), [each for each in _all() if "hidden" not in str(each)])
async def test_a_change_is_rolled_back(empty_database: str, example: str, stage: str) -> None:
    """Nothing of it is left on the table, and no value is lost that the old side had."""
    kept = CHANGES[example]
    async with _found(empty_database, example, stage) as life:
        rows = _Rows(life, kept)
        await rows.write(kept.old, 1)
        await life.rollback()
        await rows.require(kept.old)
        assert await sync_functions(life.app) == []
        assert (
            difference(
                await _described(life, f"DROP TABLE people; {TABLE}"), await describe(life.app, "people")
            )
            == []
        )


class _Rows:
    """What the applications wrote: the value of each row, whichever side it was written through."""

    def __init__(self, life: Life, kept: Kept) -> None:
        self._life, self._kept = life, kept
        self._wrote: dict[int, str] = {}

    async def write(self, side: str, number: int) -> None:
        """Update a row that was there, and insert one. `number` makes rows and values different."""
        for key, statement in (
            (number, f'UPDATE people SET "{side}" = %s WHERE id = {number}'),
            (ROWS + number, f'INSERT INTO people (id, "{side}") VALUES ({ROWS + number}, %s)'),
        ):
            value = self._kept.value % (key + 500)
            await self._life.sql(statement % value)
            self._wrote[key] = await self._life.value(f"SELECT ({value})::text")

    async def require(self, *sides: str) -> None:
        """Hold each side to what was written, and to what was there before."""
        for side in sides:
            found = dict(await self._life.app.fetch(f'SELECT id, "{side}"::text FROM people'))
            first = "name " if self._kept.value.startswith("'") else ""
            assert found == {key: f"{first}{key}" for key in range(1, ROWS + 1)} | self._wrote


@asynccontextmanager
async def _found(url: str, example: str, stage: str) -> AsyncIterator[Life]:
    """Give the change as the earlier version left it, in a ledger that was brought up to date."""
    kept = CHANGES[example]
    app: Connection = await asyncpg.connect(url, server_settings={"application_name": "app"})
    await restore(app, "0.1", f"{example}-{stage}")
    context = Context(Database(url), UNHURRIED, ignore, "the operator", limits=IN_A_HURRY)
    try:
        await init.init(context)
        life = Life(url, app, context, Change(NAME, kept.kind, dict(kept.fields)))
        situation = await life.situation()
        assert not situation.live.is_copy
        assert (situation.ready, situation.proof is not None) == (stage in READY, stage in PROVEN)
        yield life
    finally:
        await context.database.close()
        await app.close()


async def _described(life: Life, script: str) -> list[str]:
    transaction = life.app.transaction()
    await transaction.start()
    await life.sql(script)
    lines = await describe(life.app, "people")
    await transaction.rollback()
    return lines
