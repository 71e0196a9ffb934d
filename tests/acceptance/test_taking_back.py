"""What was prepared and came to nothing is gone with the command that prepared it, or with the next one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from expandcontract.model import killpoints
from expandcontract.model.errors import LockBudgetSpent, Mismatches, StepFailed
from tests.acceptance.cycle import POLICY, Life, living
from tests.waiting import until

pytestmark = pytest.mark.in_turn(2)

_GIVEN = "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b')"
_RENAME = {"column": "t.name", "new_name": "label"}
_SHORT = replace(POLICY, lock_budget=timedelta(seconds=1))


async def _unique(life: Life) -> set[str]:
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass AND indisunique"
    return {row[0] for row in await life.rows(query)}


async def _dropping(life: Life) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONCURRENTLY%'"
    return bool(await life.value(query))


async def test_a_contract_that_gets_no_lock_leaves_upserts_as_they_were(database: str) -> None:
    """And so does an undo; the same command, once more, builds again what it needs, and succeeds."""
    async with living(database, "rename-column", _RENAME, _GIVEN, _SHORT) as life:
        await life.ready()
        reader = await asyncpg.connect(database)
        for turn, unique in ((life.contract, "t_name_key"), (life.undo, "t_label_key")):
            reading = reader.transaction()
            await reading.start()
            await reader.execute("SELECT FROM t")
            trying = asyncio.create_task(turn())
            # It waits for the very reader for which the turn got no lock.
            await until(partial(_dropping, life))
            await reading.rollback()
            with pytest.raises(LockBudgetSpent):
                await trying
            assert await _unique(life) == {"t_pkey", unique}
            await turn()
        await reader.close()
        assert await _unique(life) == {"t_pkey", "t_name_key"}


async def test_what_a_killed_contract_built_goes_with_the_next_backfill(database: str) -> None:
    """Nobody else would take it away; and the next contract builds it again."""
    async with living(database, "rename-column", _RENAME, _GIVEN) as life:
        await life.ready()
        killpoints.watch(_dies_at("contract.index:t_name_key:unique.recorded"))
        try:
            with pytest.raises(_Died):
                await life.contract()
        finally:
            killpoints.watch(None)
        assert await _unique(life) == {"t_pkey", "t_name_key", '"~ec_p_t_label_key"'}
        await life.backfill()
        assert await _unique(life) == {"t_pkey", "t_name_key"}
        await life.contract()
        assert await _unique(life) == {"t_pkey", "t_label_key"}


class _Died(BaseException):
    pass


def _dies_at(point: str) -> Callable[[str], None]:
    def watch(name: str) -> None:
        if name == point:
            raise _Died

    return watch


async def test_equal_values_stop_contract_and_nothing_else(database: str) -> None:
    """Old code may write what only the new side finds equal; without the doubles contract goes through."""
    fields = {"column": "t.name", "type": "text", "to": "folded", "using": "lower(name)", "unfit": "accept"}
    async with living(database, "change-type", fields, _GIVEN) as life:
        await life.ready()
        await life.sql("INSERT INTO t VALUES (3, 'A')")
        with pytest.raises(StepFailed, match="unique"):
            await life.contract()
        await life.sql("INSERT INTO t VALUES (4, 'B'); DELETE FROM t WHERE id > 2")
        await life.contract()


async def test_a_rule_that_rows_break_is_named_by_the_backfill_and_refuses_nobody(database: str) -> None:
    """What old code writes meets no rule of the new side, which comes with contract."""
    given = """CREATE TABLE t (id int PRIMARY KEY, name int CHECK (name < 100));
        INSERT INTO t VALUES (1, 1), (2, 90)"""
    fields = {"column": "t.name", "type": "bigint", "to": "tens", "using": "name * 10", "back": "tens / 10"}
    async with living(database, "change-type", fields, given) as life:
        await life.start()
        with pytest.raises(Mismatches, match="1 of 2 rows") as found:
            await life.backfill()
        assert "id=2" in found.value.why
        assert "t_tens_check" in found.value.why
        await life.sql("INSERT INTO t VALUES (3, 91)")
        await life.sql("DELETE FROM t WHERE name > 9")
        await life.backfill()
        await life.sql("INSERT INTO t VALUES (3, 91); DELETE FROM t WHERE id = 3")
        await life.contract()
        with pytest.raises(asyncpg.CheckViolationError):
            await life.sql("INSERT INTO t (id, tens) VALUES (3, 910)")
