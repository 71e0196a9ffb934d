"""Rules that somebody drops or adds while a change lasts, and what undo cannot have again."""

import pytest

from expandcontract.engine.verbs import control
from expandcontract.model.errors import GateShut, Refused, WouldLose
from expandcontract.model.phases import Section
from tests.acceptance.cycle import Life, living
from tests.acceptance.script import TO_READY, scripted

pytestmark = pytest.mark.in_turn(3)

_RENAME = {"column": "t.name", "new_name": "label"}
_GIVEN = "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL UNIQUE); INSERT INTO t VALUES (1, 'a')"
_CODE = {"column": "t.name", "type": "text", "to": "code"}
_NUMBERS = """CREATE TABLE t (id int PRIMARY KEY, name int UNIQUE);
    INSERT INTO t SELECT i, i FROM generate_series(1, 9) i"""


async def _unique(life: Life) -> set[str]:
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass AND indisunique"
    return {row[0] for row in await life.rows(query)}


async def test_what_is_dropped_from_the_old_side_is_named_before_contract(database: str) -> None:
    """A gate tells each; who acknowledges that goes on, and old code writes meanwhile what it may."""
    async with living(database, "rename-column", _RENAME, _GIVEN) as life:
        await life.ready()
        await life.sql("ALTER TABLE t DROP CONSTRAINT t_name_key; INSERT INTO t VALUES (2, 'a')")
        await life.sql("ALTER TABLE t ALTER name DROP NOT NULL")
        with pytest.raises(GateShut, match="carried") as shut:
            await life.contract()
        assert "Gone from name since the plan was made: constraint t_name_key; NOT NULL" in shut.value.why
        await life.sql("DELETE FROM t WHERE id = 2")
        await life.verify()
        await control.ack(life.context, life.name, "carried", "it is unique again with contract")
        await life.contract()
        assert await _unique(life) == {"t_pkey", "t_label_key"}


async def test_what_others_refer_with_is_nothing_of_the_old_side(database: str) -> None:
    """A key of another table, over a column of that name, to the primary key: no gate misses it."""
    given = "CREATE TABLE t (id int PRIMARY KEY, name int); CREATE TABLE child (name int REFERENCES t)"
    async with living(database, "rename-column", _RENAME, given) as life:
        await life.ready()
        await life.contract()
        await life.undo()


async def test_a_foreign_key_on_the_new_column_is_named_before_undo_builds_anything(database: str) -> None:
    """One that refers to it, and one that holds it to another table; without them undo goes through."""
    async with living(database, "rename-column", _RENAME, _GIVEN) as life:
        await life.ready()
        await life.contract()
        for create, drop in (
            ("CREATE TABLE child (label text REFERENCES t (label))", "DROP TABLE child"),
            (
                """CREATE TABLE o (label text PRIMARY KEY); INSERT INTO o VALUES ('a');
                ALTER TABLE t ADD CONSTRAINT held FOREIGN KEY (label) REFERENCES o""",
                "ALTER TABLE t DROP CONSTRAINT held",
            ),
        ):
            await life.sql(create)
            with pytest.raises(Refused, match=r"child_label_fkey|held"):
                await life.undo()
            assert await _unique(life) == {"t_pkey", "t_label_key"}
            await life.sql(drop)
        await life.undo()


async def test_who_accepts_the_loss_has_the_old_side_back_without_its_unique_index(database: str) -> None:
    """'007' and '7' are one for old code, which goes on writing; undo said so before it built anything."""
    async with living(database, "change-type", _CODE, _NUMBERS) as life:
        await life.ready()
        await life.contract()
        await life.sql("UPDATE t SET code = '007' WHERE id = 1")
        with pytest.raises(WouldLose, match=r"2 rows of public\.t are equal"):
            await life.undo()
        assert await _unique(life) == {"t_pkey", "t_code_key"}
        await life.undo(accept_loss=True)
        assert await _unique(life) == {"t_pkey"}
        assert await life.rows("SELECT name, code FROM t WHERE name = 7 ORDER BY id") == [
            (7, "007"),
            (7, "7"),
        ]
        await life.sql("INSERT INTO t (id, name) VALUES (10, 10)")
        await life.undo()


async def test_that_two_values_may_be_one_for_the_old_side_is_noted_when_it_happens(database: str) -> None:
    """Of each value that the old side, which was UNIQUE, does not give back; not of one that it does."""
    async with scripted(database, "change-type", _CODE, _NUMBERS) as script:
        await script.ready()
        await script.contract()
        await script.sql("UPDATE t SET code = '70' WHERE id = 2; INSERT INTO t (id, code) VALUES (10, '11')")
        assert await script.conflicts() == []
        await script.sql(
            "UPDATE t SET code = '007' WHERE id = 1; INSERT INTO t (id, code) VALUES (12, '0011')"
        )
        assert await script.conflicts() == [
            ("not held by the hidden side", "7", "007"),
            ("not held by the hidden side", "11", "0011"),
        ]


async def test_where_nothing_was_unique_equal_values_are_no_loss(database: str) -> None:
    """'007' and '7' may be one number."""
    given = _NUMBERS.replace(" UNIQUE", "")
    async with scripted(database, "change-type", _CODE, given) as script:
        await script.ready()
        await script.contract()
        await script.sql("UPDATE t SET code = '007' WHERE id = 1")
        assert await script.conflicts() == []


@pytest.mark.parametrize("swap", [{"swap": True}, {"to": "wide"}], ids=str)
async def test_extended_statistics_keep_their_target(database: str, swap: dict[str, object]) -> None:
    """On the new side, after undo on the old one, and after purge."""
    given = """CREATE TABLE t (id int PRIMARY KEY, name int, other int);
        CREATE STATISTICS s (ndistinct) ON name, other FROM t; ALTER STATISTICS s SET STATISTICS 321;
        CREATE STATISTICS plain (ndistinct) ON other, name FROM t"""
    query = """SELECT count(*), count(*) FILTER (WHERE stxstattarget = 321)
        FROM pg_statistic_ext WHERE stxrelid = 't'::regclass"""
    fields = {"column": "t.name", "type": "bigint", **swap}
    async with scripted(database, "change-type", fields, given) as script:
        await script.ready()
        assert await script.rows(query) == [(4, 2)]
        await script.contract()
        await script.undo()
        assert await script.rows(query) == [(4, 2)]
        assert await script.value("SELECT stxstattarget FROM pg_statistic_ext WHERE stxname = 's'") == 321
        await script.contract()
        await script.purge()
        assert await script.rows(query) == [(2, 1)]


@pytest.mark.parametrize(("used", "type_"), [(5, "integer"), (2**31, "bigint")])
async def test_a_sequence_is_after_undo_as_it_was(database: str, used: int, type_: str) -> None:
    """Unless it went beyond what the old type holds: then it stays wide, and stops nobody."""
    fields = {"column": "t.name", "type": "bigint", "swap": True}
    given = "CREATE TABLE t (id int, name serial)"
    async with scripted(database, "change-type", fields, given) as script:
        await script.run(*TO_READY, Section.CONTRACT)
        await script.sql(f"SELECT setval('t_name_seq', {used})")
        await script.run(Section.UNDO)
        query = "SELECT seqtypid::regtype::text FROM pg_sequence WHERE seqrelid = 't_name_seq'::regclass"
        assert await script.value(query) == type_
