"""What becomes of rules: NOT NULL and CHECK of every sort, and what only leaves have."""

import asyncpg
import pytest

from expandcontract.model.errors import NameTaken, UnsupportedShape
from expandcontract.model.phases import Section
from tests.acceptance.catalog import difference
from tests.acceptance.script import TO_READY, Script, scripted
from tests.conftest import VERSION

pytestmark = pytest.mark.in_turn(3)

_RENAME = {"column": "t.name", "new_name": "label"}


async def _there_and_back(script: Script) -> None:
    """To ready, contract and undo: the table has all that it had."""
    before = await script.describe()
    await script.run(*TO_READY, Section.CONTRACT, Section.UNDO)
    assert [line for line in difference(before, await script.describe()) if line.startswith("-")] == []


@pytest.mark.parametrize("kind", ["rename-column", "change-type"])
async def test_a_not_null_of_the_table_alone_stays_one(database: str, kind: str) -> None:
    """What old code writes to a child without a value is not refused by the new side, in any phase."""
    given = """CREATE TABLE t (id int, name text); CREATE TABLE child () INHERITS (t);
        INSERT INTO t VALUES (1, 'a'); INSERT INTO child VALUES (2, NULL);""" + (
        """ALTER TABLE t ADD CONSTRAINT given NOT NULL name NO INHERIT;
        COMMENT ON CONSTRAINT given ON t IS 'one'"""
        if VERSION >= 18
        else "ALTER TABLE ONLY t ALTER name SET NOT NULL"
    )
    fields = _RENAME if kind == "rename-column" else {"column": "t.name", "type": "varchar(9)", "to": "label"}
    async with scripted(database, kind, fields, given) as script:
        before = await script.describe()
        await script.run(*TO_READY)
        await script.sql("INSERT INTO child (id, name) VALUES (3, NULL)")
        with pytest.raises(asyncpg.NotNullViolationError):
            await script.sql("INSERT INTO t (id, name) VALUES (3, NULL)")
        await script.run(Section.CONTRACT)
        await script.sql("INSERT INTO child (id, label) VALUES (4, NULL)")
        await script.run(Section.UNDO)
        await script.sql("INSERT INTO child (id, name) VALUES (5, NULL)")
        await script.run(Section.ROLLBACK)
        assert await script.describe() == before


@pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL before 18, where NOT NULL is always valid")
async def test_a_not_null_that_is_not_valid_is_carried_as_such(database: str) -> None:
    """The rows from before have no value on either side, and stay."""
    given = """CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, NULL), (2, 'b');
        ALTER TABLE t ADD CONSTRAINT given NOT NULL name NOT VALID"""
    async with scripted(database, "rename-column", _RENAME, given) as script:
        await _there_and_back(script)
        assert await script.rows("SELECT name, label FROM t ORDER BY id") == [(None, None), ("b", "b")]


async def test_a_row_that_nobody_may_update_is_left_out_and_named(database: str) -> None:
    """A CHECK that was added NOT VALID is carried so; the copy goes on past the row that breaks it."""
    given = """CREATE TABLE t (id int, name text, age int); INSERT INTO t VALUES (1, 'a', -1), (2, 'b', 2);
        ALTER TABLE t ADD CONSTRAINT sound CHECK (age > 0) NOT VALID;
        ALTER TABLE t ADD CONSTRAINT named CHECK (name <> 'a') NOT VALID"""
    async with scripted(database, "rename-column", _RENAME, given) as script:
        assert [note.code for note in script.planned.hazards].count("not-valid") == 2
        await script.run(*TO_READY)
        assert await script.rows("SELECT label FROM t ORDER BY id") == [(None,), ("b",)]
        assert await script.mismatches() == 1
        await script.sql("UPDATE t SET age = 1, name = 'c' WHERE id = 1")
        assert await script.mismatches() == 0
        await script.contract()
        assert await script.rows(
            "SELECT conname::text, convalidated FROM pg_constraint "
            "WHERE conrelid = 't'::regclass AND contype = 'c' ORDER BY 1"
        ) == [("named", False), ("named_label", False), ("sound", False)]


async def test_a_column_is_not_referred_to_because_another_table_has_one_of_its_name(database: str) -> None:
    """Nor because it refers to its own table: it is carried with its foreign key, there and back."""
    given = """CREATE TABLE t (id int PRIMARY KEY, name int REFERENCES t); CREATE INDEX ON t (name);
        CREATE TABLE child (name int REFERENCES t); INSERT INTO t VALUES (1, NULL), (2, 1)"""
    async with scripted(database, "rename-column", _RENAME, given) as script:
        await _there_and_back(script)
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await script.rows(
            "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 't'::regclass AND contype = 'f'"
        ) == [("t_label_fkey", "FOREIGN KEY (label) REFERENCES t(id)")]


_LEAVES = {
    "partition": """CREATE TABLE o (name text PRIMARY KEY); INSERT INTO o VALUES ('a');
        CREATE TABLE t (id int, name text DEFAULT 'a') PARTITION BY LIST (id);
        CREATE TABLE leaf PARTITION OF t FOR VALUES IN (1); CREATE TABLE bare PARTITION OF t DEFAULT;
        CREATE INDEX whole ON t (name)""",
    "child": """CREATE TABLE o (name text PRIMARY KEY); INSERT INTO o VALUES ('a');
        CREATE TABLE t (id int, name text DEFAULT 'a'); CREATE TABLE leaf () INHERITS (t);
        CREATE TABLE bare () INHERITS (t)""",
}
_OWN = """
ALTER TABLE leaf ADD CONSTRAINT short CHECK (length(name) < 9),
    ADD CONSTRAINT other FOREIGN KEY (name) REFERENCES o,
    ADD CONSTRAINT once UNIQUE (name), ALTER name SET NOT NULL, ALTER name SET DEFAULT 'b';
CREATE INDEX looks ON leaf (lower(name)); COMMENT ON COLUMN leaf.name IS 'own'
"""


@pytest.mark.parametrize("given", _LEAVES.values(), ids=_LEAVES)
async def test_what_only_a_leaf_has_is_acknowledged_by_name(database: str, given: str) -> None:
    """All of it, of the one leaf that has something of its own."""
    async with scripted(database, "rename-column", _RENAME, f"{given};{_OWN}") as script:
        (hazard,) = script.planned.to_acknowledge
        assert hazard.code == "leaf:public.leaf"
        for thing in ("short", "other", "once", "NOT NULL", "default 'b'", "looks", "comment"):
            assert thing in hazard.sentence, thing


@pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL before 18, which has no temporal keys")
@pytest.mark.parametrize("column", ["n", "during"])
async def test_temporal_keys_are_refused_before_anything_is_done(database: str, column: str) -> None:
    """WITHOUT OVERLAPS and PERIOD, of the column itself and of the one beside it."""
    given = """CREATE TABLE o (r int4range, during tsrange, UNIQUE (r, during WITHOUT OVERLAPS));
        CREATE TABLE t (n int4range, during tsrange,
            FOREIGN KEY (n, PERIOD during) REFERENCES o (r, PERIOD during))"""
    for table, name in (("t", column), ("o", "during")):
        with pytest.raises(UnsupportedShape, match=r"temporal|exclusion|refers"):
            async with scripted(
                database, "rename-column", {"column": f"{table}.{name}", "new_name": "x"}, given
            ):
                pass
        given = "SELECT"


async def test_a_column_that_is_called_like_ours_leaves_nothing_over(database: str) -> None:
    """One that begins so may be renamed away; none may be renamed to such a name."""
    given = """CREATE TABLE t (id int, "~ec_a" text NOT NULL UNIQUE, "~ec_nn_b" int);
        CREATE INDEX "~ec_ix" ON t ("~ec_a")"""
    with pytest.raises(NameTaken, match="begins like"):
        async with scripted(database, "rename-column", {"column": "t.id", "new_name": '"~ec_id"'}, given):
            pass
    fields = {"column": 't."~ec_a"', "new_name": "b"}
    async with scripted(database, "rename-column", fields, "SELECT") as script:
        before = await script.describe()
        await script.run(*TO_READY, Section.ROLLBACK)
        assert await script.describe() == before
        await script.run(*TO_READY, Section.CONTRACT, Section.PURGE)
        columns = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 't' ORDER BY 1"
        assert await script.rows(columns) == [("b",), ("id",), ("~ec_nn_b",)]
