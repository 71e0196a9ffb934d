"""A note is never worth a failed write: somebody takes away or renames what the sync trigger names, and the
application goes on; status and gate say what is wrong.
"""

import asyncpg
import pytest

from expandcontract.model.phases import Section
from tests.acceptance.cycle import living
from tests.acceptance.script import scripted

RENAME = {"column": "t.state", "new_name": "status"}
GIVEN = """
CREATE SCHEMA lib; CREATE DOMAIN lib.tag AS text; CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE t (id int PRIMARY KEY, state mood DEFAULT 'sad', label lib.tag DEFAULT 'a', number int);
INSERT INTO t VALUES (1), (2), (3);
"""
GONE = {
    "the ledger's tables": "DROP SCHEMA expandcontract CASCADE",
    "a function for notes": "DROP FUNCTION expandcontract_sync.note_use(text, text, name)",
    "the new column": "ALTER TABLE t RENAME {new} TO other",
    "the key": "ALTER TABLE t RENAME id TO pk",
    "the type": "ALTER TYPE mood RENAME TO feeling",
    "a value of it": "ALTER TYPE mood RENAME VALUE 'sad' TO 'low'",
    "a type's schema": "CREATE SCHEMA other; ALTER DOMAIN lib.tag SET SCHEMA other",
}
CHANGES = (
    ("rename-column", {"column": "t.state", "new_name": "status"}, "state", "status", "'glad'"),
    ("rename-column", {"column": "t.label", "new_name": "tag"}, "label", "tag", "'b'"),
    ("change-type", {"column": "t.number", "type": "text", "to": "word"}, "number", "word", "'7'"),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[2])
async def test_writes_go_on(database: str, change: tuple[str, dict[str, str], str, str, str]) -> None:
    """Before ready, from ready on and after contract; by INSERT and UPDATE, of each side."""
    kind, fields, old, new, value = change
    async with scripted(database, kind, fields, GIVEN) as life:
        for section in (Section.DUAL_WRITE, Section.BACKFILL, Section.CONTRACT):
            await life.run(*((Section.EXPAND, section) if section == Section.DUAL_WRITE else (section,)))
            for gone in GONE.values():
                transaction = life.app.transaction()
                await transaction.start()
                await life.sql(gone.format(new=new))
                key = "pk" if "pk" in gone else "id"
                written = "other" if "RENAME {new}" in gone else new
                sides = (old, written) if section != Section.CONTRACT else (written,)
                for at, side in enumerate(sides):
                    await life.sql(f"INSERT INTO t ({key}, {side}) VALUES ({10 + at}, {value})")
                    await life.sql(f"INSERT INTO t ({key}) VALUES ({20 + at})")
                    await life.sql(f"UPDATE t SET {side} = NULL WHERE {key} = {10 + at}")
                    await life.sql(f"UPDATE t SET {side} = {value} WHERE {key} = {1 + at}")
                    assert await life.value(f"SELECT {side} = {value} FROM t WHERE {key} = {1 + at}")
                await transaction.rollback()


async def test_what_was_not_kept_in_sync_keeps_contract_shut(database: str) -> None:
    """The rows of a function that lost its footing are noted, once, and the gate is shut until they were
    compared again.
    """
    async with living(database, *CHANGES[0][:2], GIVEN) as life:
        await life.ready()
        await life.sql("ALTER TABLE t RENAME status TO other; UPDATE t SET state = 'glad'")
        assert "Column status" in " ".join((await life.situation()).live.sync_faults)
        ((kind, _, _),) = await life.conflicts()
        assert kind == "does not fit"
        said = "SELECT sentence FROM expandcontract.conflict"
        assert await life.value(said) == 'rows are not kept in sync: record "new" has no field "status"'
        await life.sql("ALTER TABLE t RENAME other TO status")
        assert (await life.situation()).conflicts == 1
        await life.backfill()
        assert await life.value("SELECT count(*) FROM t WHERE status = 'glad'") == 3
        assert (await life.situation()).conflicts == 0


async def test_a_row_that_moves_to_another_partition(database: str) -> None:
    """Of a pair that is only filled: old code moves a row, and counts as no writer of the new side; after
    contract the hidden value stays as it was, whatever the session's settings.
    """
    given = """
        SET timezone = 'UTC';
        CREATE TABLE t (id int, at timestamp, region int) PARTITION BY LIST (region);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
        INSERT INTO t VALUES (1, '2025-01-01 12:00', 1);
    """
    fields = {"column": "t.at", "type": "timestamptz", "to": "moment"}
    async with scripted(database, "change-type", fields, given) as life:
        await life.ready()
        assert life.planned.sides.mode == "fill"
        await life.sql("SET application_name = 'mover'; SET timezone = 'Asia/Tokyo'; UPDATE t SET region = 2")
        noted = "SELECT side FROM expandcontract.old_use WHERE application_name = 'mover'"
        assert await life.rows(noted) == []
        pair = await life.rows("SELECT at, moment AT TIME ZONE 'UTC' FROM t")
        assert pair[0][0] == pair[0][1]
        await life.contract()
        hidden = 'SELECT "~ec_at", moment FROM t'
        before = await life.rows(hidden)
        await life.sql("SET timezone = 'America/New_York'; UPDATE t SET region = 1")
        assert await life.rows(hidden) == before


async def test_a_row_that_never_fitted_moves(database: str) -> None:
    """Its value is as it was: the move is no write of it."""
    given = """
        CREATE TABLE t (id int, word text, region int) PARTITION BY LIST (region);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
        INSERT INTO t VALUES (1, '007', 1), (2, 'twelve', 1);
    """
    fields = {"column": "t.word", "type": "int", "to": "number"}
    async with scripted(database, "change-type", fields, given) as life:
        await life.run(Section.EXPAND, Section.DUAL_WRITE)
        await life.sql("UPDATE t SET region = 2")
        assert await life.rows("SELECT word, number FROM t ORDER BY id") == [("007", 7), ("twelve", None)]
        with pytest.raises(asyncpg.PostgresError, match="does not fit"):
            await life.sql("INSERT INTO t VALUES (3, 'thirteen', 1)")
