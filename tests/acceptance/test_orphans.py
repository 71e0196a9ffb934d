"""A table that was dropped, and made again under its name; one that was renamed or moved."""

import pytest

from expandcontract.model.errors import EcError, Refused
from expandcontract.model.phases import Stage, State
from tests.acceptance.catalog import describe, difference, sync_functions
from tests.acceptance.cycle import living

CHANGE = ("rename-column", {"column": "users.name", "new_name": "label"})
GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 20) i
"""


async def test_start_begins_anew_on_a_table_that_was_made_again(database: str) -> None:
    """Neither verified nor filled before that: of no relation there is no proof."""
    async with living(database, *CHANGE, GIVEN, to=Stage.READY) as life:
        await life.sql(f"DROP TABLE users; {GIVEN}")
        for verb in (life.verify, life.backfill, life.contract):
            with pytest.raises(EcError) as refused:
                await verb()
            assert refused.value.exit_code == 4
        await life.start()
        situation = await life.situation()
        assert (situation.attempt, situation.state, situation.ready) == (2, State.ACTIVE, False)
        await life.backfill()
        await life.contract()
        assert await life.value("SELECT count(label) FROM users") == 20


async def test_rollback_closes_a_change_whose_table_is_gone(database: str) -> None:
    """What has the table's name now is not touched, also where it has a column of the new side's name."""
    async with living(database, *CHANGE, GIVEN, to=Stage.READY) as life:
        await life.sql("DROP TABLE users; CREATE TABLE users (id int, name text, label text)")
        before = await describe(life.app, "users")
        assert (await life.rollback()).state == State.ROLLED_BACK
        assert difference(before, await describe(life.app, "users")) == []
        assert await sync_functions(life.app) == []


async def test_a_table_that_was_renamed_is_named_as_it_is_now(database: str) -> None:
    """With the way back; then the same command goes on."""
    async with living(database, *CHANGE, GIVEN, to=Stage.READY) as life:
        await life.sql(
            "CREATE SCHEMA app; ALTER TABLE users RENAME TO people; ALTER TABLE people SET SCHEMA app"
        )
        with pytest.raises(Refused, match=r"public\.users is called app\.people now") as refused:
            await life.rollback()
        await life.sql(refused.value.next.partition("; then")[0])
        assert (await life.rollback()).state == State.ROLLED_BACK
