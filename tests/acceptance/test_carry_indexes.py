"""What becomes of indexes: their twins, when those are unique, and what each of them is called."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError

from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.phases import Section
from expandcontract.model.step import Concurrent
from tests.acceptance.catalog import difference
from tests.acceptance.script import TO_READY, Script, scripted

pytestmark = pytest.mark.in_turn(3)

_TABLE = """
CREATE TABLE t (id serial PRIMARY KEY, name text, other int DEFAULT 0);
ALTER TABLE t ADD CONSTRAINT t_name_key UNIQUE (name);
CREATE UNIQUE INDEX once ON t (lower(name)) WHERE other > 100;
INSERT INTO t (name) VALUES ('there')
"""
_RENAME = {"column": "t.name", "new_name": "label"}
_TYPE = {"column": "t.name", "type": "varchar(50)", "to": "label"}
_SWAP = {"column": "t.name", "type": "varchar(50)", "swap": True}

_FORMS = {
    "nothing": "DO NOTHING",
    "nothing of a column": "({c}) DO NOTHING",
    "update": "({c}) DO UPDATE SET other = t.other + 1",
}


async def _upserts(script: Script, column: str, *, targets: bool = True) -> None:
    """Every form of ON CONFLICT goes through, of a value that is there and of one that is not."""
    for name, form in _FORMS.items():
        if "(" in form and not targets:
            continue
        for value in ("there", f"{column} {name}"):
            await script.app.execute(
                f"INSERT INTO t ({column}) VALUES ($1) ON CONFLICT {form.format(c=column)}", value
            )


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("kind", "fields", "new"),
    [("rename-column", _RENAME, "label"), ("change-type", _TYPE, "label"), ("change-type", _SWAP, "name")],
    ids=["rename", "type", "swap"],
)
async def test_upserts_of_both_versions_go_through_in_every_phase(
    database: str, kind: str, fields: Mapping[str, Any], new: str
) -> None:
    """Without a target, and with the column that is unique: of old code until contract, then of new code."""
    async with scripted(database, kind, fields, _TABLE) as script:
        between = script.planned.new_columns[0]
        for column, *sections in (("name", *TO_READY), (new, Section.CONTRACT), ("name", Section.UNDO)):
            await script.run(*sections)
            await _upserts(script, column)
            if new == "label" and column == "name":
                await _upserts(script, f'"{between}"', targets=False)
        await script.run(Section.CONTRACT)
        await _upserts(script, new)


async def test_between_ready_and_contract_one_unique_index_serves_all(database: str) -> None:
    """A value that is there is refused on either side, by the old side's own index; the twin only finds."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        await script.run(*TO_READY)
        unique = await script.app.fetch(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass AND indisunique"
        )
        assert {row[0] for row in unique} == {"t_pkey", "t_name_key", "once"}
        with pytest.raises(asyncpg.UniqueViolationError, match="t_name_key"):
            await script.app.execute("INSERT INTO t (label) VALUES ('there')")
        with pytest.raises(asyncpg.InvalidColumnReferenceError):
            await script.app.execute("INSERT INTO t (label) VALUES ('new') ON CONFLICT (label) DO NOTHING")


async def test_new_code_may_upsert_from_ready_on_where_it_was_asked_for(database: str) -> None:
    """--upsert-new gives both sides a unique index, and both kinds of upsert a target."""
    async with scripted(database, "rename-column", _RENAME | {"upsert_new": True}, _TABLE) as script:
        before = await script.describe()
        await script.run(*TO_READY)
        await _upserts(script, "name")
        await _upserts(script, "label")
        await script.run(Section.CONTRACT, Section.UNDO)
        await _upserts(script, "name")
        await _upserts(script, "label")
        assert not [hazard for hazard in script.planned.hazards if hazard.acknowledge]
        assert [line for line in difference(before, await script.describe()) if line.startswith("-")] == []


async def test_two_unique_indexes_are_refused_where_they_could_disagree(database: str) -> None:
    """1.0 and 1.00 are two texts and one number."""
    fields = {"column": "t.name", "type": "numeric", "to": "amount", "upsert_new": True}
    with pytest.raises(UnsupportedShape, match="--upsert-new"):
        async with scripted(database, "change-type", fields, _TABLE):
            pass


async def test_values_that_are_equal_on_the_new_side_alone_are_old_codes_to_write(database: str) -> None:
    """Until contract; that cannot build its index then, leaves nothing behind, and the plan said so."""
    fields = {"column": "t.name", "type": "text", "to": "folded", "using": "lower(name)", "unfit": "accept"}
    async with scripted(database, "change-type", fields, _TABLE) as script:
        assert "unique-at-contract:t_name_key" in {note.code for note in script.planned.to_acknowledge}
        await script.run(*TO_READY)
        await script.app.execute("INSERT INTO t (name) VALUES ('a'), ('A')")
        with pytest.raises(IntegrityError, match="could not create unique index"):
            await script.prepare(Section.CONTRACT)
        await script.take_back(Section.CONTRACT)
        await script.app.execute("INSERT INTO t (name) VALUES ('b'), ('B')")
        assert await script.app.fetchval("SELECT count(*) FROM pg_class WHERE relname LIKE '~ec%'") == 0


@pytest.mark.parametrize("section", [Section.CONTRACT, Section.UNDO])
async def test_what_a_turn_prepared_is_taken_back_without_a_trace(database: str, section: Section) -> None:
    """Of contract, and of undo: as if it had not been tried."""
    async with scripted(database, "change-type", _SWAP, _TABLE) as script:
        await script.run(*TO_READY, *((Section.CONTRACT,) if section == Section.UNDO else ()))
        before = await script.describe()
        await script.prepare(section)
        assert await script.describe() != before
        await script.take_back(section)
        assert await script.describe() == before


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("kind", "fields"),
    [("rename-column", _RENAME), ("change-type", _TYPE), ("change-type", _SWAP)],
    ids=["rename", "type", "swap"],
)
async def test_undo_brings_back_every_index_as_it_was(
    database: str, kind: str, fields: Mapping[str, Any]
) -> None:
    """Names, comments, statistics targets, constraints; and after contract and purge nothing is ours."""
    given = f"""{_TABLE}; COMMENT ON INDEX once IS 'one'; COMMENT ON CONSTRAINT t_name_key ON t IS 'two';
        ALTER INDEX once ALTER COLUMN 1 SET STATISTICS 77; CREATE INDEX wide ON t (other) INCLUDE (name)"""
    async with scripted(database, kind, fields, given) as script:
        before = await script.describe()
        await script.run(*TO_READY)
        ready = await script.describe()
        await script.run(Section.CONTRACT, Section.UNDO)
        assert [line for line in difference(before, await script.describe()) if line.startswith("-")] == []
        assert difference(ready, await script.describe()) == []
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await _ours(script) == []


async def _ours(script: Script) -> list[str]:
    """Names in the catalog that begin like ours, outside of the ledger's schemas."""
    query = r"""
        SELECT relname || '.' || coalesce(attname, '') FROM pg_class c
        LEFT JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        WHERE relnamespace = 'public'::regnamespace AND (relname LIKE '%~e%' OR attname LIKE '%~e%')
        UNION ALL SELECT conname FROM pg_constraint WHERE conname LIKE '%~e%'
        UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE '%~e%'"""
    return [row[0] for row in await script.app.fetch(query)]


@pytest.mark.parametrize("new", ["label", "z"])
async def test_names_that_lead_to_one_become_two(database: str, new: str) -> None:
    """t_ix on (name, other) and t_ix_name on (name): both are there, whatever they would be called alone."""
    given = """CREATE TABLE t (id int PRIMARY KEY, name text, other int);
        CREATE INDEX t_ix ON t (name, other); CREATE INDEX t_ix_name ON t (name);
        ALTER TABLE t ADD CONSTRAINT t_ck CHECK (name <> ''); ALTER TABLE t ADD CHECK (length(name) < 9);
        ALTER TABLE t ADD CONSTRAINT t_ck_name CHECK (name <> 'x')"""
    async with scripted(database, "rename-column", {"column": "t.name", "new_name": new}, given) as script:
        await script.run(*TO_READY, Section.CONTRACT, Section.PURGE)
        lines = await script.describe()
        assert len([line for line in lines if line.startswith("index") and f"({new}" in line]) == 2
        assert len([line for line in lines if line.startswith("constraint") and "CHECK" in line]) == 3


async def test_an_index_is_known_by_what_it_is(database: str) -> None:
    """Not by its name: another table's, other columns', a plain one of that name are none of ours."""
    async with scripted(database, "change-type", _SWAP, _TABLE) as script:
        steps = [
            step for step in script.planned.steps(Section.CONTRACT) if isinstance(step.action, Concurrent)
        ]
        action = next(step.action for step in steps if step.id == "index:t_name_key:unique")
        assert isinstance(action, Concurrent)
        await script.run(*TO_READY)
        found = [await script.app.fetchval(action.probe)]
        named = '"~ec_p_t_name_key"'
        for kind, of in (
            ("INDEX", "ON t (other)"),
            ("UNIQUE INDEX", "ON t (other, id)"),
            ("INDEX", 'ON t ("~ec_new_name")'),
            ("VIEW", "AS TABLE t"),
        ):
            await script.app.execute(f"CREATE {kind} {named} {of}")
            found.append(await script.app.fetchval(action.probe))
            await script.app.execute(f"DROP {kind.split()[-1]} {named}")
        await script.app.execute(action.statement)
        assert [*found, await script.app.fetchval(action.probe)] == ["absent", *["taken"] * 4, "done"]


async def test_simultaneous_upserts_of_old_code_meet_one_unique_index(database: str) -> None:
    """Eight sessions at a time, between ready and contract, and new code's after it: no error at all."""
    async with scripted(database, "rename-column", _RENAME, _TABLE) as script:
        pool = await asyncpg.create_pool(database, min_size=8, max_size=8)

        async def upsert(column: str, value: str) -> None:
            form = f"ON CONFLICT ({column}) DO UPDATE SET other = t.other + 1"
            await pool.execute(f"INSERT INTO t ({column}, other) VALUES ($1, 1) {form}", value)

        for column, sections in (("name", TO_READY), ("label", (Section.CONTRACT,))):
            await script.run(*sections)
            for key in range(30):
                await asyncio.gather(*(upsert(column, f"{column} {key}") for _ in range(8)))
            assert await script.app.fetchval("SELECT count(*) FROM t WHERE other = 8") == 30
            await script.app.execute("DELETE FROM t WHERE other = 8")
        await pool.close()


_PARENTS = """CREATE TABLE o (name text PRIMARY KEY); INSERT INTO o VALUES ('a'), ('b');
    CREATE TABLE t (id int PRIMARY KEY, name text REFERENCES o, CONSTRAINT t_name_key UNIQUE (name));
    INSERT INTO t VALUES (1, 'a'), (2, 'b')"""


@pytest.mark.parametrize("more", ["", "; CREATE INDEX by_name ON t (name, id)"], ids=["unique", "another"])
async def test_a_foreign_key_never_stands_without_an_index(database: str, more: str) -> None:
    """Not before the new side's index, and not on the hidden side, whose unique one contract drops."""
    async with scripted(database, "rename-column", _RENAME, _PARENTS + more) as script:
        before = await script.describe()
        await script.run(*TO_READY)
        await script.prepare(Section.CONTRACT)
        assert await _bare_keys(script) == []
        await script.turn(Section.CONTRACT)
        assert await _bare_keys(script) == []
        held = await script.app.fetchval(
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'f'"
        )
        assert held == (2 if more else 1)
        await script.run(Section.UNDO)
        assert await _bare_keys(script) == []
        assert [line for line in difference(before, await script.describe()) if line.startswith("-")] == []


async def _bare_keys(script: Script) -> list[str]:
    """Foreign keys of the table that no index of it begins with."""
    query = """
        SELECT conname::text FROM pg_constraint k
        WHERE conrelid = 't'::regclass AND contype = 'f' AND NOT EXISTS (
            SELECT FROM pg_index WHERE indrelid = k.conrelid AND indisvalid AND indkey[0] = k.conkey[1])"""
    return [row[0] for row in await script.app.fetch(query)]


@pytest.mark.parametrize("kind", ["rename-column", "change-type"])
async def test_nothing_of_a_partitioned_table_has_our_names_after_purge(database: str, kind: str) -> None:
    """Neither the partitions' indexes nor the columns of any index."""
    given = """CREATE TABLE t (id int, name text) PARTITION BY LIST (id);
        CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t_2 PARTITION OF t DEFAULT;
        CREATE INDEX by_name ON t (name, id); INSERT INTO t VALUES (1, 'a'), (2, 'b')"""
    fields = _RENAME if kind == "rename-column" else _SWAP
    async with scripted(database, kind, fields, given) as script:
        before = await script.describe()
        await script.run(*TO_READY, Section.CONTRACT, Section.UNDO)
        assert [line for line in difference(before, await script.describe()) if line.startswith("-")] == []
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await _ours(script) == []


_MARKED = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass AND indisclustered"


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("index", ["t_name_key", "plain"])
@pytest.mark.parametrize(
    ("kind", "fields", "new"),
    [("rename-column", _RENAME, "label"), ("change-type", _TYPE, "label"), ("change-type", _SWAP, "name")],
    ids=["rename", "type", "swap"],
)
async def test_the_mark_for_cluster_goes_with_the_index(
    database: str, kind: str, fields: Mapping[str, Any], new: str, index: str
) -> None:
    """The next CLUSTER of the table orders by the twin after contract, and by the old index after undo, also
    where that was built again.
    """
    given = f"{_TABLE}; CREATE INDEX plain ON t (name); ALTER TABLE t CLUSTER ON {index}"
    async with scripted(database, kind, fields, given) as script:
        await script.run(*TO_READY)
        assert await script.value(_MARKED) == index
        await script.run(Section.CONTRACT)
        twin = await script.value(_MARKED)
        keys = "SELECT pg_get_indexdef($1::text::regclass) LIKE '%(' || $2 || ')'"
        assert await script.value(keys, twin, new)
        await script.run(Section.UNDO)
        assert await script.rows(_MARKED) == [(index,)]
        await script.run(Section.CONTRACT, Section.PURGE)
        assert await script.rows(_MARKED) == [(twin,)]
