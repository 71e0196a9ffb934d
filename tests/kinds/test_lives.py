"""Each kind through its whole life, beside two versions of the application that write all the while."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from expandcontract.model.phases import Section, Stage
from tests.acceptance.catalog import difference, everything
from tests.acceptance.cycle import Expected, Life, living
from tests.acceptance.script import TO_READY, scripted
from tests.kinds.cases import Case
from tests.kinds.every import FIRST, turns

pytestmark = pytest.mark.in_turn(2)

#: Kinds that only write rows.
NOTHING_IN_THE_CATALOG = ("update-rows", "delete-rows")


class Writer:
    """A version of the application that writes as long as it is on. `failed` are its errors."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", statement: str, first: int) -> None:
        self._connection, self._statement, self._number = connection, statement, first
        self.failed: list[str] = []

    async def once(self) -> None:
        """Write one more row."""
        self._number += 1
        try:
            await self._connection.execute(self._statement, self._number)
        except asyncpg.PostgresError as error:
            self.failed.append(str(error))

    async def _on(self, over: asyncio.Event) -> None:
        await self.once()
        while not over.is_set():
            await self.once()
            await asyncio.sleep(0.002)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Write all the while that the body runs, and at least once."""
        over = asyncio.Event()
        task = asyncio.create_task(self._on(over))
        try:
            yield
        finally:
            over.set()
            await task


@asynccontextmanager
async def _writers(url: str, case: Case) -> AsyncIterator[tuple[Writer, Writer]]:
    old = await asyncpg.connect(url, server_settings={"application_name": "old app"})
    new = await asyncpg.connect(url, server_settings={"application_name": "new app"})
    try:
        yield Writer(old, case.old, 1_000_000), Writer(new, case.new, 2_000_000)
    finally:
        await old.close()
        await new.close()


async def _start(life: Life, case: Case) -> Stage:
    said = await life.plan()
    codes = {note.code for note in said.to_acknowledge}
    assert codes == set(case.acknowledged)
    situation = await life.start(acknowledged=Expected(case.acknowledged))
    if situation.stage != Stage.FINISHED:
        situation = await life.backfill()
    assert situation.deployable
    return situation.stage


@pytest.mark.parametrize("case", turns(0))
async def test_a_life_beside_two_versions(database: str, case: Case) -> None:
    """No statement of either fails from start to the end: old code before contract and after undo, new code
    from ready on.
    """
    async with (
        living(database, case.kind, case.fields, case.given) as life,
        _writers(database, case) as (old, new),
    ):
        async with old.at_work():
            stage = await _start(life, case)
            async with new.at_work():
                pass
        if stage == Stage.READY:
            async with new.at_work():
                await life.contract()
                await life.undo()
            async with old.at_work(), new.at_work():
                await life.backfill()
            async with new.at_work():
                await life.contract()
                assert (await life.purge()).stage == Stage.PURGED
        assert (old.failed, new.failed) == ([], [])
        assert await life.value(case.holds)


@pytest.mark.parametrize("case", turns(1))
async def test_start_and_rollback_leave_nothing(database: str, case: Case) -> None:
    """What start added goes; the schema is as it was before."""
    async with living(database, case.kind, case.fields, case.given) as life:
        before = await everything(life.app)
        await _start(life, case)
        lost: dict[str, Any] = {"discard": True, "confirm": life.name} if case.discard else {}
        assert (await life.rollback(**lost)).stage == Stage.ROLLED_BACK
        after = await everything(life.app)
        assert after == before if not case.anew else by_name(after) == by_name(before)


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.id)
async def test_the_statements_of_a_plan_lead_there_and_back(database: str, case: Case) -> None:
    """Of each kind in each commit, and without the verbs: to ready, contract and undo, and what is left after
    rollback is what was there before.
    """
    async with scripted(database, case.kind, case.fields, case.given) as script:
        before = await everything(script.app)
        await script.run(*TO_READY, Section.CONTRACT)
        assert difference(before, await everything(script.app)) != [] or case.kind in NOTHING_IN_THE_CATALOG
        await script.run(Section.UNDO, Section.ROLLBACK)
        assert difference(by_name(before), by_name(await everything(script.app))) == []


def by_name(lines: list[str]) -> list[str]:
    """Return what is there, without the numbers by which one relation is told from another."""
    return [re.sub(r"^(relation .*) \d+$", r"\1", line) for line in lines]
