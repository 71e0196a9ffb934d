"""What only the new side held at rollback: kept, listed, exported, and given back after another start."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from expandcontract.cli.conflict_file import exported
from expandcontract.engine import kept_batches
from expandcontract.engine.verbs import conflicts, restore
from expandcontract.ledger.conflict import ConflictKind
from expandcontract.model.errors import Refused, WrongState
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import POLICY, Life, carried, living
from tests.acceptance.moments import dies_at
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)

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


async def _rolled_back(life: Life, *statements: str) -> None:
    await life.ready()
    for statement in statements:
        await life.sql(statement)
    await life.rollback()


@asynccontextmanager
async def _kept(url: str, *statements: str, given: str = _GIVEN) -> AsyncIterator[Life]:
    """Give a change that new code wrote under, and that was rolled back and started again."""

    async def carry(life: Life) -> None:
        await _rolled_back(life, *statements)
        await life.ready()

    await carried(url, ("change-type", _LOSSY, given, POLICY), carry, "kept", *statements)
    async with living(url, "change-type", _LOSSY) as life:
        yield life


async def _handles(life: Life, ids: str) -> list[object]:
    return [row[0] for row in await life.rows(f"SELECT handle FROM users WHERE id IN ({ids}) ORDER BY id")]


async def test_kept_values_come_back_where_nobody_wrote_since(database: str) -> None:
    """Never over a newer write of either version; a row that is gone stays so; and the proof holds."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 5") as life:
        await life.sql("UPDATE users SET name = 'Old Wrote' WHERE id = 2")
        await life.sql("UPDATE users SET handle = 'nEW WROTE' WHERE id = 3; DELETE FROM users WHERE id = 4")
        given = await restore.restore(life.context, life.name)
        assert (given.considered, given.written, given.refused, given.left) == (5, 2, 0, 3)
        assert await _handles(life, "1,2,3,4,5,6") == ["NAME 1", "old wrote", "nEW WROTE", "NAME 5", "name 6"]
        assert await life.value("SELECT name FROM users WHERE id = 1") == "Name 1"
        assert (await life.verify()).proof is not None


async def test_a_trigger_finds_what_it_names_without_a_schema(database: str) -> None:
    """What is given back is written as the application writes, under the search_path of the role."""
    audited = """;
        CREATE TABLE audit (id int);
        CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NULL; END $$;
        CREATE TRIGGER audited AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audited()"""
    write = "UPDATE users SET handle = upper(handle) WHERE id <= 2"
    async with _kept(database, write, given=_GIVEN + audited) as life:
        await life.sql("TRUNCATE audit")
        assert (await restore.restore(life.context, life.name)).written == 2
        assert await life.value("SELECT count(*) FROM audit") == 2


async def test_restore_again_gives_nothing_back_twice(database: str) -> None:
    """What new code makes of a value after that is newer, also when it is what the old side makes of it."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 5") as life:
        await restore.restore(life.context, life.name)
        await life.sql("UPDATE users SET handle = lower(handle) WHERE id = 1")
        again = await restore.restore(life.context, life.name)
        assert (again.considered, again.written) == (0, 0)
        assert await _handles(life, "1,2") == ["name 1", "NAME 2"]


async def test_the_last_value_of_several_attempts_counts(database: str) -> None:
    """Rolled back twice without restore: the newest, and older ones of rows that were not kept again."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 3") as life:
        await life.sql("UPDATE users SET handle = 'nAME 2' WHERE id = 2")
        await life.rollback()
        await life.ready()
        given = await restore.restore(life.context, life.name)
        assert (given.considered, given.written) == (4, 3)
        assert await _handles(life, "1,2,3") == ["NAME 1", "nAME 2", "NAME 3"]


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    "point", ["restore.batch.before", "restore.batch.written", "restore.batch.committed"]
)
async def test_restore_that_was_killed_goes_on(database: str, point: str) -> None:
    """With what is left, and the numbers of the whole."""
    async with _kept(database, "UPDATE users SET handle = upper(handle)") as life:
        restore_rows, kept_batches.BATCH_ROWS = kept_batches.BATCH_ROWS, 7
        try:
            with dies_at(point):
                await restore.restore(life.context, life.name)
            given = await restore.restore(life.context, life.name)
        finally:
            kept_batches.BATCH_ROWS = restore_rows
        assert (given.considered, given.written) == (40, 40)
        assert await life.value("SELECT count(*) FROM users WHERE handle = upper(handle)") == 40


async def test_a_locked_row_is_waited_for_without_holding_others(database: str) -> None:
    """It comes last; whoever holds it is never waited for with row locks of ours."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 5") as life:
        other = await asyncpg.connect(database)
        await other.execute("BEGIN; SELECT FROM users WHERE id = 3 FOR UPDATE")

        restoring = asyncio.create_task(restore.restore(life.context, life.name))
        given_back = "SELECT count(*) = 4 FROM users WHERE handle = upper(handle)"
        await until(lambda: life.value(given_back), restoring)
        await life.sql(
            "SET lock_timeout = '1s'; UPDATE users SET other = 1 WHERE id <> 3; RESET lock_timeout"
        )
        await other.execute("COMMIT")
        given = await restoring
        await other.close()
        assert given.written == 5


async def test_a_value_that_the_table_refuses_keeps_no_other_back(database: str) -> None:
    """A constraint that came meanwhile: it is counted, the rest is given back."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 5") as life:
        await life.sql("ALTER TABLE users ADD CHECK (handle <> 'NAME 3')")
        given = await restore.restore(life.context, life.name)
        assert (given.considered, given.written, given.refused, given.left) == (5, 4, 1, 0)
        assert await _handles(life, "2,3,4") == ["NAME 2", "name 3", "NAME 4"]


async def test_what_ec_gives_back_is_no_sign_of_new_code(database: str) -> None:
    """The gate new-code-seen counts what comes through the new side, not this."""
    async with _kept(database, "UPDATE users SET handle = upper(handle) WHERE id <= 5") as life:
        await restore.restore(life.context, life.name)
        assert (await life.situation()).new_code_at is None


async def test_composite_keys_and_types_of_all_kinds(database: str) -> None:
    """Keys are found by their own types, in partitions too."""
    given = """
    CREATE TABLE users(part int, at timestamptz, tag text, name text, PRIMARY KEY (part, at, tag))
        PARTITION BY LIST (part);
    CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1);
    CREATE TABLE users_2 PARTITION OF users FOR VALUES IN (2);
    INSERT INTO users SELECT 1 + i % 2, '2024-03-31 01:59:59.123456+01', 'it''s "' || i, 'Name ' || i
        FROM generate_series(1, 9) i"""
    async with _kept(database, "UPDATE users SET handle = upper(handle)", given=given) as life:
        await life.sql("SET timezone = 'Asia/Tokyo'")
        assert (await restore.restore(life.context, life.name)).written == 9
        assert await life.value("SELECT count(*) FROM users WHERE handle = upper(handle)") == 9


async def test_a_table_without_a_key_exports_only(database: str) -> None:
    """Nothing names its rows: restore says so, and the values can be taken out."""
    given = "CREATE TABLE users(name text); INSERT INTO users VALUES ('Ann')"
    async with _kept(database, "UPDATE users SET handle = 'aNN'", given=given) as life:
        with pytest.raises(Refused, match="cannot be given back") as refused:
            await restore.restore(life.context, life.name)
        assert "--export" in refused.value.next


async def test_restore_needs_a_side_to_give_back_to(database: str) -> None:
    """Rolled back, before ready, hidden: the next command is said; nothing is written."""
    async with living(database, "change-type", _LOSSY, _GIVEN) as life:
        await _rolled_back(life, "UPDATE users SET handle = 'nAME 1' WHERE id = 1")
        for stage, next_ in ((Stage.ROLLED_BACK, "start"), (Stage.BEFORE_READY, "backfill")):
            assert (await life.situation()).stage == stage
            with pytest.raises(WrongState) as refused:
                await restore.restore(life.context, life.name)
            assert refused.value.next == f"ec {next_} {life.name}"
            await life.start()


async def test_everything_that_is_kept_can_be_listed_and_exported(database: str, tmp_path: Path) -> None:
    """Counts by kind, the newest first in a file, values only on request; of a rolled back change as well."""
    async with living(database, "change-type", _LOSSY, _GIVEN, to=Stage.READY) as life:
        await life.sql("INSERT INTO users(id, name, handle) VALUES (50, 'One', 'two')")
        await life.sql("UPDATE users SET handle = 'nAME \"1\"' WHERE id = 1")
        await life.rollback()
        kept = await conflicts.look(life.context, life.name)
        assert kept.counts == {"both written": 1, "kept": 1}
        assert [value.kind for value in kept.newest] == ["both written", "kept"]
        for suffix in ("csv", "jsonl"):
            path = tmp_path / f"kept.{suffix}"
            done = await exported(life.context, life.name, str(path), ConflictKind.ONLY_NEW, values=True)
            assert done.values == 1
            assert path.stat().st_mode & 0o077 == 0
        (row,) = csv.DictReader((tmp_path / "kept.csv").read_text().splitlines())
        (line,) = (json.loads(text) for text in (tmp_path / "kept.jsonl").read_text().splitlines())
        assert (row["new"], json.loads(row["key"])) == ('nAME "1"', {"id": "1"})
        assert (line["new"], line["key"]) == ('nAME "1"', {"id": "1"})
        await exported(life.context, life.name, str(tmp_path / "all.jsonl"), values=False)
        lines = [json.loads(text) for text in (tmp_path / "all.jsonl").read_text().splitlines()]
        assert [(each["kind"], each["new"]) for each in lines] == [("kept", None), ("both written", None)]


async def test_a_write_that_the_sweep_did_not_see_yet_is_the_later_one(database: str) -> None:
    """Its transaction was open while the sweep was there: what it kept has a lower number than what the sweep
    read, and is given back all the same; so is a value whose row comes in another batch than its later one.
    """
    async with living(database, "change-type", _LOSSY, _GIVEN, to=Stage.READY) as life:
        await life.sql("UPDATE users SET handle = upper(handle) WHERE id = 1")
        with dies_at("keep.laid"):
            await life.rollback()
        writer = await asyncpg.connect(database)
        await writer.execute("BEGIN; UPDATE users SET handle = 'nAME 1' WHERE id = 1")
        trying = asyncio.create_task(life.rollback())

        async def swept() -> bool:
            return bool(
                await life.value("SELECT count(*) FROM expandcontract.conflict WHERE seen_in IS NOT NULL")
            )

        await until(swept)
        await writer.execute("COMMIT")
        await trying
        await writer.close()
        kept = await life.rows(
            "SELECT new_value FROM expandcontract.conflict WHERE kind = 'kept' ORDER BY id"
        )
        assert kept == [("nAME 1",), ("NAME 1",)]
        await life.ready()
        assert (await restore.restore(life.context, life.name)).written == 1
        assert await _handles(life, "1") == ["nAME 1"]
