"""X27: a value that the other side cannot hold, whichever side it is written to and however it comes."""

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import log
from expandcontract.model.errors import GateShut, Mismatches, StepFailed
from expandcontract.model.phases import Stage
from expandcontract.steps.sessions import FILLING
from tests.acceptance.cycle import living
from tests.acceptance.script import Script, scripted

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE parts (id int PRIMARY KEY, size {old}, note text);
INSERT INTO parts SELECT i, i::text::{old} FROM generate_series(1, 20) i;
INSERT INTO parts VALUES (21, NULL)
"""
REFUSED = "EC320"
#: Type of the old side, type of the new side, and a write that brings what the other side cannot hold.
WRITES = {
    "old, inserted": ("text", "int", "INSERT INTO parts (id, size) VALUES (99, 'large')"),
    "old, changed": ("text", "int", "UPDATE parts SET size = 'large' WHERE id = 1"),
    "old, from NULL": ("text", "int", "UPDATE parts SET size = 'large' WHERE id = 21"),
    "old, not given back": ("text", "int", "INSERT INTO parts (id, size) VALUES (99, '007')"),
    "new, inserted": ("int", "text", "INSERT INTO parts (id, measure) VALUES (99, 'large')"),
    "new, changed": ("int", "text", "UPDATE parts SET measure = 'large' WHERE id = 1"),
    "new, from NULL": ("int", "text", "UPDATE parts SET measure = 'large' WHERE id = 21"),
}


def fields(to: str, **more: str) -> dict[str, str]:
    """Return the fields of a change of parts.size."""
    return {"column": "parts.size", "type": to, "to": "measure", **more}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("case", WRITES)
async def test_refuse_refuses_the_write(database: str, case: str) -> None:
    """Before ready and after it, by default: the error names the change, and the row stays as it was."""
    old, new, write = WRITES[case]
    async with scripted(database, "change-type", fields(new), GIVEN.format(old=old)) as life:
        await life.start()
        await _refused(life, write)
        await life.backfill()
        await _refused(life, write)
        await life.verify()
        assert await life.conflicts() == []


async def _refused(life: Script, write: str) -> None:
    before = await life.rows("SELECT parts::text FROM parts ORDER BY id")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await life.sql(write)
    assert refused.value.sqlstate == REFUSED
    assert life.name in str(refused.value.hint)
    assert await life.rows("SELECT parts::text FROM parts ORDER BY id") == before


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("case", WRITES)
async def test_record_keeps_the_value(database: str, case: str) -> None:
    """The write goes on, the value is kept, and an unrelated write of the row leaves it alone."""
    old, new, write = WRITES[case]
    async with scripted(database, "change-type", fields(new, unfit="record"), GIVEN.format(old=old)) as life:
        await life.ready()
        await life.sql(write)
        assert len(await life.conflicts()) == 1
        written = await life.rows("SELECT size, measure FROM parts ORDER BY id")
        await life.sql("UPDATE parts SET note = 'touched'")
        assert await life.rows("SELECT size, measure FROM parts ORDER BY id") == written
        assert len(await life.conflicts()) == 1


@pytest.mark.parametrize("case", ["old, changed", "new, changed"])
async def test_record_keeps_contract_shut(database: str, case: str) -> None:
    """A proof of before does not let contract pass: purge would destroy what was written since."""
    old, new, write = WRITES[case]
    async with living(database, "change-type", fields(new, unfit="record"), GIVEN.format(old=old)) as life:
        assert (await life.ready()).proof is not None
        await life.sql(write)
        shut = {verdict.gate for verdict in gates.judge_all(await life.situation()) if not verdict.open}
        assert "no-conflicts" in shut
        with pytest.raises(GateShut):
            await life.contract()


async def test_rows_that_were_bad_before_are_found(database: str) -> None:
    """They can be written in every other column; verify counts and names them, and contract stays shut."""
    given = GIVEN.format(old="text") + "; UPDATE parts SET size = 'large' WHERE id IN (3, 21)"
    async with living(database, "change-type", fields("int"), given) as life:
        await life.start()
        with pytest.raises(Mismatches) as found:
            await life.backfill()
        assert "2 of 21 rows" in found.value.message
        await life.sql("UPDATE parts SET note = 'touched'")
        assert await life.rows("SELECT size, measure FROM parts WHERE id IN (3, 21)") == [("large", None)] * 2
        await life.sql("UPDATE parts SET size = '300' WHERE id IN (3, 21)")
        assert (await life.verify()).conflicts == 0


async def test_a_null_that_forward_fills_is_filled_at_once(database: str) -> None:
    """Where --using makes a value of NULL, new code's NULL becomes it in the same write."""
    expressions = {"using": "coalesce(size, 'none')", "back": "nullif(measure, 'none')"}
    async with scripted(
        database, "change-type", fields("text", **expressions), GIVEN.format(old="text")
    ) as life:
        await life.start()
        await life.backfill()
        await life.sql("UPDATE parts SET measure = NULL WHERE id = 1")
        assert await life.rows("SELECT size, measure FROM parts WHERE id = 1") == [(None, "none")]
        await life.sql("UPDATE parts SET note = 'x' WHERE id = 1")
        assert await life.rows("SELECT size, measure FROM parts WHERE id = 1") == [(None, "none")]
        await life.verify()


async def test_the_log_tells_of_values_that_were_kept(database: str) -> None:
    """`ec log` names the row of a conflict, and its values only for who asks to see them."""
    async with living(
        database, "rename-column", {"column": "parts.size", "new_name": "measure"}, GIVEN.format(old="text")
    ) as life:
        await life.start()
        await life.backfill()
        await life.sql("UPDATE parts SET size = 'lost', measure = 'won' WHERE id = 1")
        (told,) = [entry for entry in await log.read(life.context, life.name) if entry.kind == "both written"]
        assert told.data["row id"] == 1
        assert "old" not in told.data
        shown = await log.read(life.context, life.name, show_values=True)
        (told,) = [entry for entry in shown if entry.kind == "both written"]
        assert (told.data["old"], told.data["new"]) == ("lost", "won")


KEPT_OUT = """
CREATE TABLE sizes (size int PRIMARY KEY);
CREATE TABLE parts (id int PRIMARY KEY, size int UNIQUE REFERENCES sizes CONSTRAINT sound CHECK (size > 0));
CREATE INDEX by_size ON parts (size, id);
INSERT INTO sizes VALUES (1), (2);
INSERT INTO parts VALUES (1, 1), (2, 2)
"""


@pytest.mark.parametrize("target", [{"to": "measure"}, {"swap": "true"}])
async def test_what_waited_for_contract_waits_again_after_undo(database: str, target: dict[str, str]) -> None:
    """Undo takes from the new side what contract put there, and the next contract puts it there again."""
    given = {"column": "parts.size", "type": "bigint", "unfit": "record", **target}
    of_parts = "SELECT conname::text FROM pg_constraint WHERE conrelid = 'parts'::regclass ORDER BY 1"
    async with scripted(database, "change-type", given, KEPT_OUT) as life:
        await life.ready()
        before = await life.rows(of_parts)
        await life.contract()
        after = await life.rows(of_parts)
        await life.undo()
        assert await life.rows(of_parts) == before
        await life.verify()
        await life.contract()
        assert await life.rows(of_parts) == after
        await life.purge()


#: Lossy, and the server does not take it for immutable.
NAMES = """CREATE TABLE users (id int PRIMARY KEY, name text, note text);
INSERT INTO users VALUES (1, 'bOB'), (2, 'Ann'), (3, NULL)"""
LOSSY = {
    "column": "users.name",
    "to": "handle",
    "using": "lower(name)",
    "back": "initcap(handle) || left(current_setting('TimeZone'), 0)",
}


async def test_a_backfill_never_writes_the_old_side(database: str) -> None:
    """Nor where what it fills is computed once, and back would make another old value of it."""
    lossy = LOSSY | {"unfit": "accept"}
    async with living(database, "transform-column", lossy, NAMES) as life:
        await life.ready()
        seen = await life.rows("SELECT name, handle FROM users ORDER BY id")
        assert seen == [("bOB", "bob"), ("Ann", "ann"), (None, None)]
        await life.sql("UPDATE users SET note = 'touched'; UPDATE users SET handle = 'eve' WHERE id = 2")
        seen = await life.rows("SELECT name, handle FROM users ORDER BY id")
        assert seen == [("bOB", "bob"), ("Eve", "eve"), (None, None)]


@pytest.mark.parametrize("unfit", ["refuse", "record"])
async def test_what_is_filled_and_does_not_fit_is_named(database: str, unfit: str) -> None:
    """A value of before the change that back does not give back is a mismatch, and stays as it is."""
    async with scripted(database, "transform-column", LOSSY | {"unfit": unfit}, NAMES) as script:
        await script.start()
        await script.settle()
        assert await script.rows("SELECT name FROM users ORDER BY id") == [("bOB",), ("Ann",), (None,)]
        assert await script.mismatches() == 1


async def test_an_earlier_trigger_that_would_bend_old_values_fills_nothing(
    database: str,
) -> None:
    """Its plan goes on where nothing would be bent; else the rows are counted before the first is written."""
    async with living(database, "transform-column", LOSSY | {"unfit": "accept"}, NAMES) as life:
        await life.start()
        await life.sql(f"""ALTER TABLE expandcontract.change DISABLE TRIGGER USER;
            UPDATE expandcontract.change
            SET plan = replace(plan::text, '{FILLING}', 'expandcontract.once')::jsonb;
            ALTER TABLE expandcontract.change ENABLE TRIGGER USER""")
        with pytest.raises(StepFailed, match="would get another value in name"):
            await life.backfill()
        assert await life.rows("SELECT name, handle FROM users ORDER BY id") == [
            ("bOB", None),
            ("Ann", None),
            (None, None),
        ]
        await life.sql("UPDATE users SET name = 'Bob' WHERE id = 1")
        assert (await life.backfill()).stage == Stage.READY
