"""Every statement of a plan is tried on an empty copy of the table before anything is changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.engine import planner, rehearsal
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import PlanFails
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Sweep
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import is_lock_failure
from tests.conftest import VERSION
from tests.rotation import part

pytestmark = pytest.mark.in_turn(2)

RENAME = ("rename-column", {"column": "t.v", "new_name": "w"})
SWAP = ("change-type", {"column": "t.v", "type": "bigint", "swap": True})
TO_TEXT = ("change-type", {"column": "t.v", "type": "text", "to": "w"})

#: Statements that make `t` with an integer column `v`.
SHAPES = {
    "nothing": "CREATE TABLE t (v int)",
    "all at once": """
        CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 5, x int,
                        CONSTRAINT t_v_check CHECK (v > 0), CONSTRAINT t_v_key UNIQUE (v));
        CREATE INDEX t_v_x ON t (v DESC, x) INCLUDE (id) WHERE x > 1;
        CREATE UNIQUE INDEX t_v_half ON t (v) WHERE x > 1;
        CREATE INDEX t_v_twice ON t ((v * 2)); CREATE STATISTICS t_v_statistics ON v, x FROM t;
        COMMENT ON COLUMN t.v IS 'v'; GRANT SELECT (v) ON t TO PUBLIC""",
    "a sequence of its own": "CREATE TABLE t (v serial, x int)",
    "deferrable": "CREATE TABLE t (v int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    "names to quote": """
        CREATE TABLE t (v int); CREATE INDEX "Index of v" ON t (v);
        ALTER TABLE t ADD CONSTRAINT "check v" CHECK (v <> 7)""",
    "partitions of two levels": """
        CREATE SCHEMA s; CREATE TABLE t (id int, v int, x text) PARTITION BY RANGE (id, x);
        CREATE TABLE s.t PARTITION OF t FOR VALUES FROM (0, 'a') TO (10, 'b');
        CREATE TABLE t2 PARTITION OF t DEFAULT PARTITION BY LIST ((id % 7));
        CREATE TABLE t3 PARTITION OF t2 DEFAULT; CREATE INDEX t_v ON t (v)""",
    "children": "CREATE TABLE t (v int NOT NULL CHECK (v > 0)); CREATE TABLE child (z int) INHERITS (t)",
    "other kinds of index": """
        CREATE TABLE t (v int); CREATE INDEX t_v ON t USING brin (v); CREATE INDEX ON t USING hash (v)""",
}

#: As above, of foreign keys.
KEYS = {
    "another table": "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE t (v int REFERENCES o)",
    "a table of the same name": """
        CREATE SCHEMA s; CREATE TABLE s.t (id int UNIQUE); CREATE TABLE t (v int REFERENCES s.t (id))""",
    "two columns": """
        CREATE TABLE o (a int, b int); CREATE UNIQUE INDEX ON o (b, a); CREATE TABLE t (v int, x int);
        ALTER TABLE t ADD FOREIGN KEY (x, v) REFERENCES o (a, b) ON DELETE CASCADE NOT VALID""",
    "from partitions": """
        CREATE TABLE o (id int PRIMARY KEY);
        CREATE TABLE t (id int, v int REFERENCES o) PARTITION BY RANGE (id);
        CREATE TABLE t1 PARTITION OF t DEFAULT""",
}

AWAY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS s CASCADE"


@asynccontextmanager
async def _sessions(url: str) -> AsyncIterator[tuple[Database, "asyncpg.Connection[Any]"]]:
    database, connection = Database(url), await asyncpg.connect(url)
    try:
        yield database, connection
    finally:
        await database.close()
        await connection.close()


async def _compiled(database: Database, kind: str, fields: dict[str, Any]) -> Plan:
    async with database.transaction() as conn:
        return await planner.compile_plan(conn, plan.named(kind, fields, ()), "expandcontract")


async def test_what_can_be_carried_through_is_tried_and_nothing_is_left(
    database: str, subtests: pytest.Subtests
) -> None:
    """No false alarm, no plan that was not tried, and the catalog is as before."""
    async with _sessions(database) as (ours, theirs):
        for name, given in part(list((SHAPES | KEYS).items()), 2):
            await theirs.execute(f"{AWAY}; {given}")
            for kind, fields in (RENAME, SWAP, TO_TEXT) if name in SHAPES else (RENAME, SWAP):
                with subtests.test(name, kind=kind):
                    made = await _compiled(ours, kind, fields)
                    assert "not-tried" not in {note.code for note in made.hazards}
        assert await theirs.fetchval("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == 0
        assert await theirs.fetchval("SELECT count(*) FROM pg_proc WHERE proname LIKE '%000%'") == 0


async def test_a_foreign_key_that_cannot_be_is_refused_before_rows_are_copied(
    database: str, subtests: pytest.Subtests
) -> None:
    """The step is named, and the reason is the server's own."""
    async with _sessions(database) as (ours, theirs):
        for name, given in KEYS.items():
            await theirs.execute(f"{AWAY}; {given}")
            with subtests.test(name), pytest.raises(PlanFails, match=r"of contract.* foreign key") as refused:
                await _compiled(ours, *TO_TEXT)
            assert "are of incompatible types" in refused.value.why
            assert refused.value.exit_code == 4


async def test_only_a_share_of_the_table_is_asked_for(database: str) -> None:
    """Others may hold every lock but the strongest on the table, and on the table that it refers to."""
    async with _sessions(database) as (ours, theirs):
        await theirs.execute(KEYS["another table"])
        async with theirs.transaction():
            await theirs.execute("LOCK TABLE t, o IN EXCLUSIVE MODE")
            await _compiled(ours, *SWAP)


async def test_every_statement_of_the_plan_is_tried(database: str) -> None:
    """None is left out, whatever verb would run it; contract twice, as after undo."""
    async with _sessions(database) as (ours, theirs):
        await theirs.execute(SHAPES["all at once"])
        made = await _compiled(ours, *SWAP)
    tried = [part.step for part in rehearsal.script(made)]
    for section in Section:
        for step in made.steps(section):
            assert isinstance(step.action, Sweep) or step in tried, step.id
    (hide,) = (step for step in made.steps(Section.CONTRACT) if step.id == "hide")
    assert tried.count(hide) == 2


async def test_what_cannot_be_copied_is_said_and_hinders_nothing(database: str) -> None:
    """A plan that could not be tried says why."""
    async with _sessions(database) as (ours, theirs):
        # The index stands, though its function is no longer one that an index may be built on.
        await theirs.execute("""
            CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN RETURN $1; END';
            CREATE TABLE t (v int); CREATE INDEX t_f ON t (f(v)); ALTER FUNCTION f(int) VOLATILE""")
        made = await _compiled(ours, *RENAME)
    (said,) = (note.sentence for note in made.hazards if note.code == "not-tried")
    assert "IMMUTABLE" in said


@pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL 15 to 17: NOT NULL has no name there")
async def test_names_of_not_null_are_those_of_the_table(database: str) -> None:
    """Contract renames the constraint: the copy has it under its own name."""
    async with _sessions(database) as (ours, theirs):
        await theirs.execute("CREATE TABLE t (v int CONSTRAINT there NOT NULL)")
        await _compiled(ours, *SWAP)


async def test_whoever_holds_the_table_is_waited_for(database: str) -> None:
    """A lock that is not had in time is that, wherever in the trial it is: a plan begins anew then."""
    async with _sessions(database) as (ours, theirs):
        await theirs.execute("CREATE TABLE t (v int)")
        async with ours.transaction() as conn:
            change = plan.named(*RENAME, ())
            catalog = await planner.ask(conn, change)
        async with theirs.transaction():
            await theirs.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DBAPIError) as failed:
                async with ours.transaction() as conn:
                    await planner.examined(conn, change, catalog, "expandcontract")
        assert is_lock_failure(failed.value)
