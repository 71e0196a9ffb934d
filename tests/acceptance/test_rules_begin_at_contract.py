"""NOT NULL, CHECK and foreign keys of the new side refuse nothing before contract, and nothing after one that
failed: until then the old side's own guard both.
"""

from collections.abc import Callable

import asyncpg
import pytest

from expandcontract.engine.verbs import control
from expandcontract.gates import judge_all
from expandcontract.model import killpoints
from expandcontract.model.errors import GateShut, Mismatches
from expandcontract.model.phases import Section, Stage
from tests.acceptance.cycle import Life, living
from tests.acceptance.script import Script, scripted

pytestmark = pytest.mark.in_turn(3)

_RENAME = {"column": "t.name", "new_name": "label"}
_TABLE = """CREATE TABLE o (name text PRIMARY KEY); INSERT INTO o VALUES ('a'), ('b'), ('bad');
    CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL CONSTRAINT sound CHECK (name <> 'bad')
        CONSTRAINT other REFERENCES o);
    INSERT INTO t VALUES (1, 'a'), (2, 'b')"""
_TENS = {"column": "t.name", "type": "bigint", "to": "tens", "using": "name * 10", "back": "tens / 10"}
_NUMBERS = """CREATE TABLE t (id int PRIMARY KEY, name int CONSTRAINT sound CHECK (name < 100));
    INSERT INTO t VALUES (1, 1), (2, 9)"""
_RULES = """
SELECT conname::text, convalidated FROM pg_constraint
WHERE conrelid = 't'::regclass AND contype IN ('c', 'f', 'n') AND conname NOT LIKE '%id%' ORDER BY 1
"""


async def _columns(life: Life | Script) -> dict[str, bool]:
    query = "SELECT attname::text, attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
    return {name: bool(not_null) for name, not_null in await life.rows(query)}


async def test_what_old_code_drops_refuses_none_of_its_writes(database: str) -> None:
    """Each rule of its own, after ready: the new side has none before contract."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        await script.ready()
        await script.sql("ALTER TABLE t ALTER name DROP NOT NULL; INSERT INTO t VALUES (3, NULL)")
        await script.sql("ALTER TABLE t DROP CONSTRAINT sound; INSERT INTO t VALUES (4, 'bad')")
        await script.sql("ALTER TABLE t DROP CONSTRAINT other; INSERT INTO t VALUES (5, 'nowhere')")
        await script.sql("INSERT INTO t (id, label) VALUES (6, 'bad'), (7, 'nowhere')")
        assert await script.rows("SELECT label FROM t WHERE id > 2 ORDER BY id") == [
            (None,), ("bad",), ("nowhere",), ("bad",), ("nowhere",),
        ]  # fmt: skip
        assert await script.mismatches() == 5  # no value, twice 'bad', and twice what refers to nothing


async def test_until_contract_the_old_sides_rules_guard_both(database: str) -> None:
    """What new code writes is mirrored, and judged there; from contract on the new side's own judge it."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        await script.ready()
        # The hidden side keeps a CHECK that can refuse nothing more than the new one's.
        for names in ({"sound", "other"}, {"sound", "sound_label", "other_label"}):
            writes = ("UPDATE t SET label = {} WHERE id = 1", "INSERT INTO t (id, label) VALUES (3, {})")
            for write in writes:
                with pytest.raises(asyncpg.NotNullViolationError):
                    await script.sql(write.format("NULL"))
                for value in ("bad", "nowhere"):
                    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
                        await script.sql(write.format(f"'{value}'"))
                    assert refused.value.constraint_name in names
            if "other" in names:
                await script.contract()


async def test_undo_takes_the_rules_off_the_new_side_again(database: str) -> None:
    """The old side has all of its own; and the next contract brings the new side's about once more."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        before = await script.rows(_RULES), await _columns(script)
        await script.ready()
        for _ in range(2):
            assert await script.rows(_RULES) == before[0]
            assert await _columns(script) == before[1] | {"label": False}
            await script.contract()
            rules: dict[str, bool] = dict(await script.rows(_RULES))
            assert {"sound_label", "other_label"} <= set(rules)
            assert all(rules.values())
            assert (await _columns(script))["label"]
            await script.undo()


async def test_no_moment_of_undo_lets_a_row_without_a_value_in(database: str) -> None:
    """The old side is NOT NULL from the transaction on that brings it back: the new one's goes with it."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        await script.ready()
        await script.contract()
        await script.prepare(Section.UNDO)
        await script.turn(Section.UNDO)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await script.sql("INSERT INTO t VALUES (3, NULL)")


@pytest.mark.parametrize("proven", [True, False], ids=["proven before", "proven after"])
async def test_rows_without_a_value_are_named_and_stop_contract_alone(database: str, proven: bool) -> None:
    """Old code dropped its NOT NULL: a gate and status say so; contract says how many rows there are, by key,
    and leaves nothing that refuses more of them. Corrected, it goes through.
    """
    async with living(database, "rename-column", _RENAME, _TABLE, to=Stage.READY) as life:
        await life.sql("ALTER TABLE t ALTER name DROP NOT NULL")
        if proven:
            await life.verify()
        await life.sql("INSERT INTO t VALUES (3, NULL), (4, NULL)")
        verdicts = {each.gate: each for each in judge_all(await life.situation())}
        assert "NOT NULL" in verdicts["carried"].reason
        await control.ack(life.context, life.name, "carried", "the new one is to have it")
        if not proven:
            with pytest.raises(Mismatches, match=r"2 of 4 rows"):
                await life.verify()
            with pytest.raises(GateShut, match="verified"):
                await life.contract()
        else:
            with pytest.raises(Mismatches, match=r"2 rows of public\.t") as found:
                await life.contract()
            assert "id=3; id=4" in found.value.why
            assert "NOT NULL" in found.value.why
            assert found.value.next == f"Correct those rows, then: ec verify {life.name}"
            with pytest.raises(GateShut, match="verified"):
                await life.contract()
        await life.sql("INSERT INTO t VALUES (5, NULL)")
        await life.sql("UPDATE t SET name = 'a' WHERE name IS NULL")
        await life.backfill()
        await life.contract()
        assert (await _columns(life))["label"]


async def test_a_rule_that_only_the_new_side_breaks_begins_at_contract(database: str) -> None:
    """A CHECK that says less of the old type: verify counts the rows that break it, and names them by key."""
    async with living(database, "change-type", _TENS, _NUMBERS) as life:
        await life.ready()
        await life.sql("INSERT INTO t VALUES (3, 91); INSERT INTO t (id, tens) VALUES (4, 920)")
        with pytest.raises(Mismatches, match=r"2 rows of public\.t") as found:
            await life.contract()
        assert "id=3; id=4" in found.value.why
        assert "sound_tens" in found.value.why
        with pytest.raises(Mismatches, match="2 of 4 rows do not match, 2 of them because"):
            await life.verify()
        await life.sql("INSERT INTO t VALUES (5, 93)")
        await life.sql("DELETE FROM t WHERE id > 2")
        await life.verify()
        await life.contract()
        with pytest.raises(asyncpg.CheckViolationError):
            await life.sql("INSERT INTO t (id, tens) VALUES (3, 910)")


async def test_a_foreign_key_that_rows_break_goes_with_the_contract_that_found_them(database: str) -> None:
    """They are counted and named, by verify and by a contract that meets them; both sides are written as
    before.
    """
    async with living(database, "rename-column", _RENAME, _TABLE, to=Stage.READY) as life:
        await life.sql("ALTER TABLE t DROP CONSTRAINT other; INSERT INTO t VALUES (3, 'nowhere')")
        await control.ack(life.context, life.name, "carried", "the new one is to have it")
        with pytest.raises(Mismatches, match=r"A row of public\.t") as found:
            await life.contract()
        assert found.value.why.startswith("Rows: id=3.")
        await life.sql("INSERT INTO t VALUES (4, 'nowhere')")
        with pytest.raises(Mismatches, match="2 of 4 rows do not match, 2 of them because"):
            await life.verify()
        assert {"sound_label", "other_label"}.isdisjoint(dict(await life.rows(_RULES)))


async def test_what_was_taken_back_is_checked_again_by_the_next_contract(database: str) -> None:
    """Killed once all rows were checked: the next backfill lets old code write what its own rules let it."""
    async with living(database, "rename-column", _RENAME, _TABLE, to=Stage.READY) as life:
        await life.sql("ALTER TABLE t ALTER name DROP NOT NULL")
        await life.verify()
        await control.ack(life.context, life.name, "carried", "the new one is to have it")
        killpoints.watch(_dies_at("contract.foreign_key:other:validate.recorded"))
        try:
            with pytest.raises(_Died):
                await life.contract()
        finally:
            killpoints.watch(None)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await life.sql("INSERT INTO t VALUES (3, NULL)")
        await life.backfill()
        await life.sql("INSERT INTO t VALUES (3, NULL)")
        await life.sql("DELETE FROM t WHERE id = 3")
        await life.contract()
        assert (await _columns(life))["label"]
        assert all(validated for _, validated in await life.rows(_RULES))


class _Died(BaseException):
    pass


def _dies_at(point: str) -> Callable[[str], None]:
    def watch(name: str) -> None:
        if name == point:
            raise _Died

    return watch
