"""add-column: what PostgreSQL does at once, what it would rewrite and must not, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from expandcontract.engine import planner
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import (
    BadChangeFile,
    BadExpression,
    ColumnOwned,
    EcError,
    NameTaken,
    NoSuchObject,
    NotConfirmed,
    StepFailed,
    UnsupportedShape,
)
from expandcontract.model.phases import Section, Stage
from expandcontract.model.plan import Plan
from expandcontract.model.step import Sweep, Transactional
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import IN_A_HURRY, POLICY, Life, living, opened
from tests.acceptance.script import TO_READY, scripted
from tests.conftest import VERSION
from tests.kinds.cases import USERS
from tests.kinds.watched import Watched

pytestmark = pytest.mark.in_turn(3)

WORLD = (
    USERS
    + """
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SEQUENCE numbers;
ALTER TABLE users ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED;
CREATE VIEW names AS SELECT name FROM users;
CREATE TABLE parts (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Guest Book" ("Id" integer PRIMARY KEY);
"""
)
#: What is asked for, and whether rows that are there are filled in a sweep.
SHAPES: list[tuple[dict[str, Any], bool]] = [
    ({"column": "users.a", "type": "text"}, False),
    ({"column": "users.b", "type": "numeric(10,2)", "default": "1.5", "not_null": True}, False),
    ({"column": "users.c", "type": "timestamptz", "default": "now()", "not_null": True}, False),
    ({"column": "users.d", "type": "timestamptz", "default": "clock_timestamp()"}, True),
    ({"column": "users.e", "type": "bigint", "default": "nextval('numbers')", "not_null": True}, True),
    ({"column": "users.f", "type": 'text COLLATE "C"', "default": "'x'"}, False),
    ({"column": "users.g", "type": "json", "default": "'{}'", "check": "g IS NOT NULL"}, False),
    ({"column": "parts.h", "type": "integer[]", "default": "ARRAY[1]", "not_null": True}, False),
    ({"column": "parts.i", "type": "uuid", "default": "gen_random_uuid()"}, True),
    ({"column": '"Guest Book"."Who is it"', "type": "text", "unique": True}, False),
    ({"column": '"Guest Book".user', "type": "integer", "references": "public.users.id"}, False),
    ({"column": "users.parent", "type": "integer", "references": "users"}, False),
]
KIND = "SELECT true FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'kind'"
REFUSED: list[tuple[dict[str, Any], type[EcError], str]] = [
    ({"column": "user.a", "type": "text"}, NoSuchObject, "users"),
    ({"column": "names.a", "type": "text"}, UnsupportedShape, "a view"),
    ({"column": "users.name", "type": "text"}, NameTaken, "has a column name already"),
    ({"column": "users.ctid", "type": "text"}, NameTaken, "system column"),
    ({"column": "users.~ec_x", "type": "text"}, NameTaken, "~ec_"),
    ({"column": "users.a", "type": "txet"}, BadExpression, 'type "txet" does not exist'),
    ({"column": "users.a", "type": "text NOT NULL"}, BadExpression, "syntax error"),
    ({"column": "users.a", "type": "text, DROP COLUMN id"}, BadExpression, "PostgreSQL does not take"),
    ({"column": "users.a", "type": "bigserial"}, BadExpression, "CREATE SEQUENCE public.users_a_seq"),
    ({"column": "users.a", "type": "int GENERATED ALWAYS AS IDENTITY"}, BadExpression, "nextval"),
    ({"column": "users.a", "type": "positive"}, UnsupportedShape, "integer"),
    ({"column": "users.a", "type": "integer", "default": "'x'"}, BadExpression, "invalid input syntax"),
    ({"column": "users.a", "type": "integer", "default": "id"}, BadExpression, "column reference"),
    ({"column": "users.a", "type": "integer", "default": "1)"}, BadExpression, "parenthesis"),
    ({"column": "users.a", "type": "integer", "check": "b > 0"}, BadExpression, 'column "b" does not exist'),
    ({"column": "users.a", "type": "integer", "not_null": True}, BadChangeFile, "--default"),
    ({"column": "users.a", "type": "integer", "fill": "name"}, BadExpression, "is of type integer"),
    ({"column": "users.a", "type": "integer", "fill": "b"}, BadExpression, 'column "b" does not exist'),
    ({"column": "users.a", "type": "integer", "fill": "sum(id)"}, BadExpression, "aggregate"),
    ({"column": "users.a", "type": "text", "fill": "loud"}, UnsupportedShape, "generated"),
    ({"column": "users.a", "type": "integer", "fill": "id", "unique": True}, BadChangeFile, "add-unique"),
    ({"column": "users.a", "type": "integer", "references": "user"}, BadExpression, "does not exist"),
    ({"column": "users.a", "type": "integer", "on_delete": "cascade"}, BadChangeFile, "--references"),
    ({"column": "users.a", "type": "text", "references": "users"}, BadExpression, "foreign key"),
    ({"column": "users.a", "type": "text", "references": "users.name"}, BadExpression, "unique constraint"),
    ({"column": "parts.a", "type": "integer", "unique": True}, UnsupportedShape, "partitioned"),
    ({"column": "users.a", "type": "integer", "unique": True, "default": "7"}, UnsupportedShape, "same"),
]  # fmt: skip


@pytest.fixture
async def context(database: str) -> AsyncIterator[Context]:
    """Give a database of many shapes."""
    connection = await asyncpg.connect(database)
    await connection.execute(WORLD)
    await connection.close()
    context = Context(Database(database), POLICY, lambda _: None, "tests", limits=IN_A_HURRY)
    yield context
    await context.database.close()


async def _plan(context: Context, fields: dict[str, Any]) -> Plan:
    return await plans.make(context, plans.named("add-column", fields, ()))


async def test_nothing_is_rewritten_or_scanned_under_a_lock(context: Context, database: str) -> None:
    """What runs under ACCESS EXCLUSIVE leaves the file of every table what it is, and looks at no row; what
    PostgreSQL would rewrite is filled in a sweep.
    """
    connection = await asyncpg.connect(database)
    try:
        for fields, swept in SHAPES:
            change = plans.named("add-column", fields, ())
            plan = await plans.make(context, change)
            assert plan.copies == swept, fields
            watched = Watched(database, connection, context, change, planned=plan)
            await watched.run(*TO_READY)
            assert watched.faults == [], fields
    finally:
        await connection.close()


async def test_what_becomes_of_rows_that_refer(context: Context) -> None:
    """ON DELETE and ON UPDATE are those that were asked for."""
    fields = {"column": "users.boss", "type": "integer", "references": "users"}
    plan = await _plan(context, fields | {"on_delete": "set-null", "on_update": "cascade"})
    add = next(each.action for each in plan.steps(Section.BACKFILL) if each.id == "foreign_key")
    assert isinstance(add, Transactional)
    assert "(id) ON UPDATE CASCADE ON DELETE SET NULL NOT VALID" in add.statements[0]


async def test_what_is_refused(context: Context) -> None:
    """Each with its reason, before anything is changed."""
    for fields, error, why in REFUSED:
        with pytest.raises(error) as refused:
            await _plan(context, fields)
        told = f"{refused.value} {refused.value.why} {refused.value.next}"
        assert why in told, (fields, told)


@pytest.mark.skipif(VERSION < 18, reason="not on PostgreSQL 18, the first with virtual columns")
async def test_a_virtual_column_is_there_at_once(context: Context) -> None:
    """One step, no sweep."""
    plan = await _plan(context, {"column": "users.up", "type": "text", "generated": "upper(name)"})
    assert [each for each, steps in plan.sections.items() if steps] == [
        Section.EXPAND,
        Section.ROLLBACK,
    ]
    assert "VIRTUAL" in str(plan.steps(Section.EXPAND))


async def test_rollback_asks_before_it_loses_values(database: str) -> None:
    """Where new code gave the column a value of its own, rollback wants the change's name once more; where
    every row has its default it does not.
    """
    fields = {"column": "users.kind", "type": "text", "default": "'plain'"}
    async with living(database, "add-column", fields, USERS) as life:
        await life.start()
        assert await _is_asked(life, "UPDATE users SET kind = 'mine' WHERE id = 7")
        await life.sql("UPDATE users SET kind = 'plain' WHERE id = 7")
        await life.rollback()
        assert not await life.value(KIND)


async def _is_asked(life: Life, write: str) -> bool:
    await life.sql(write)
    with pytest.raises(NotConfirmed, match="have values in kind"):
        await life.rollback()
    return True


async def test_a_row_that_the_expression_fails_for_is_written_all_the_same(database: str) -> None:
    """What fills new rows refuses no write; such a row is named, and keeps contract shut by the rule."""
    fields = {"column": "users.part", "type": "integer", "fill": "100 / seen", "not_null": True}
    async with living(database, "add-column", fields, USERS) as life:
        await life.sql("UPDATE users SET seen = 1")
        await life.start()
        await life.sql("INSERT INTO users (id, name, fax, seen) VALUES (999, 'x', 'x', 0)")
        with pytest.raises(StepFailed, match="division by zero") as failed:
            await life.backfill()
        assert '"id": 999' in failed.value.why
        await life.sql("UPDATE users SET seen = 2 WHERE id = 999")
        await life.backfill()
        assert await life.value("SELECT part FROM users WHERE id = 999") == 50


async def test_a_column_that_may_be_null_is_filled_where_the_expression_makes_a_value(database: str) -> None:
    """A NULL that the expression makes is a value as any other: contract does not wait for another."""
    fields = {"column": "users.part", "type": "integer", "fill": "nullif(seen, 0)"}
    async with living(database, "add-column", fields, USERS) as life:
        await life.sql("UPDATE users SET seen = id % 2")
        await life.start()
        await life.sql("INSERT INTO users (id, name, fax, seen) VALUES (999, 'x', 'x', 0)")
        await life.backfill()
        assert await life.value("SELECT bool_and(part IS NOT DISTINCT FROM nullif(seen, 0)) FROM users")
        assert not await life.value("SELECT count(*) FROM expandcontract.old_use")
        await life.contract()


async def test_rollback_of_a_finished_change_leaves_what_another_claims(database: str) -> None:
    """A column that another change works on by now does not go under it."""
    async with living(database, "add-column", {"column": "users.kind", "type": "text"}, USERS) as life:
        await life.start()
        other = plans.named("rename-column", {"column": "users.kind", "new_name": "sort"}, ())
        renaming = Life(life.url, life.app, life.context, other)
        await renaming.start()
        with pytest.raises(ColumnOwned):
            await life.rollback()
        assert await life.value(KIND)


def test_the_name_is_of_table_and_column() -> None:
    """The folder's name says what is added."""
    change = plans.named("add-column", {"column": "public.users.token", "type": "uuid"}, ())
    assert change.name.endswith("add_users_token")
    assert str(planner.target(change)) == "public.users"


async def test_functions_that_write_rows_without_a_list_of_columns(database: str) -> None:
    """One column more fails COPY; one that goes bends what INSERT gives. Each function is named."""
    given = f"""{USERS}
        CREATE FUNCTION load() RETURNS void LANGUAGE plpgsql AS 'BEGIN COPY users FROM ''/dev/null''; END';
        CREATE FUNCTION put() RETURNS void LANGUAGE sql AS 'INSERT INTO users SELECT * FROM users LIMIT 0';
        CREATE FUNCTION well() RETURNS void LANGUAGE sql AS 'INSERT INTO users (id) VALUES (0)'"""
    fields = {"column": "users.more", "type": "integer"}
    async with opened(database, "add-column", fields, given) as app:

        async def found(kind: str, **asked: str) -> set[str]:
            made = await plans.make(app.context, plans.named(kind, asked, ()))
            return {note.code for note in made.to_acknowledge if "-all:" in note.code}

        assert await found("add-column", **fields) == {"copy-all:public.load()"}
        assert await found("drop-column", column="users.fax") == {"insert-all:public.put()"}
        assert await found("rename-column", column="users.fax", new_name="fon") == {
            "copy-all:public.load()",
            "insert-all:public.put()",
        }


GOODS = """
CREATE TABLE products (id integer PRIMARY KEY, name text, price integer);
INSERT INTO products VALUES (1, 'cherries', 0), (2, 'plums', 5);
"""


async def test_rollback_keeps_what_new_code_gave_in_the_place_of_the_expression(database: str) -> None:
    """In the ledger, with what the value stood beside; what the expression makes again is kept nowhere. After
    another start every row is filled anew.
    """
    fields = {"column": "products.description", "type": "text", "fill": "upper(name)"}
    async with living(database, "add-column", fields, GOODS) as life:
        await life.ready()
        await life.sql("""INSERT INTO products (id, name) VALUES (3, 'apple');
            INSERT INTO products (id, name, description) VALUES (4, 'banana', 'a yellow banana');
            UPDATE products SET description = 'blue' WHERE id = 2""")
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        kept = {("kept", "banana", "a yellow banana"), ("kept", "plums", "blue")}
        assert set(await life.conflicts()) == kept
        assert await life.value("SELECT count(*) FROM pg_proc WHERE proname LIKE '%own'") == 0
        await life.start()
        await life.backfill()
        assert await life.rows("SELECT description FROM products ORDER BY id") == [
            ("CHERRIES",), ("PLUMS",), ("APPLE",), ("BANANA",),
        ]  # fmt: skip


async def test_rollback_keeps_where_the_expression_fails_or_reads_nothing(database: str) -> None:
    """A value that the expression cannot be asked of is somebody's; no write fails while it keeps."""
    fields = {"column": "products.part", "type": "integer", "fill": "10 / price"}
    async with scripted(database, "add-column", fields, GOODS) as script:
        await script.run(Section.EXPAND, Section.DUAL_WRITE)
        await script.sql("UPDATE products SET part = 7 WHERE id = 1")
        keeps, sweeps = (step for step in script.planned.steps(Section.ROLLBACK) if step.keeps)
        assert isinstance(sweeps.action, Sweep)
        await script.step(keeps)
        await script.sql("""INSERT INTO products VALUES (5, 'pears', 0, 8), (6, 'figs', 5, 2);
            UPDATE products SET part = 9 WHERE id = 5""")
        assert await script.conflicts() == [("kept", "0", "8"), ("kept", "0", "9")]
        left = f"SELECT id FROM products t WHERE {sweeps.action.wanted} ORDER BY 1"
        assert await script.rows(left) == [(1,), (5,)]


async def test_rollback_keeps_beside_no_column(database: str) -> None:
    """An expression may be of no column of the row: then the value is kept alone."""
    fields = {"column": "products.unit", "type": "text", "fill": "'piece'"}
    async with living(database, "add-column", fields, GOODS) as life:
        await life.ready()
        await life.sql("UPDATE products SET unit = 'kilo' WHERE id = 2")
        await life.rollback()
        assert await life.conflicts() == [("kept", None, "kilo")]


async def test_rollback_asks_where_the_expression_may_be_another_value(database: str) -> None:
    """Of random() nobody can tell who gave it."""
    fields = {"column": "products.luck", "type": "float8", "fill": "random()"}
    async with living(database, "add-column", fields, GOODS) as life:
        await life.ready()
        with pytest.raises(NotConfirmed, match="have values in luck"):
            await life.rollback()
