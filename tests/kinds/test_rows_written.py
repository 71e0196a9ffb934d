"""update-rows and delete-rows: each row once, none left that matches, and what is refused before anything."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import (
    BadExpression,
    EcError,
    Mismatches,
    NoSuchObject,
    Refused,
    UnsupportedShape,
)
from expandcontract.model.phases import Stage
from expandcontract.model.plan import Plan
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import IN_A_HURRY, POLICY, living
from tests.chaos.nursery import DIED, Nursery

pytestmark = pytest.mark.in_turn(3)

WORLD = """
CREATE TABLE users (
    id integer PRIMARY KEY,
    email text,
    price numeric(10,2),
    code varchar(4),
    tags text[],
    doc json,
    n integer NOT NULL DEFAULT 0,
    up text GENERATED ALWAYS AS (upper(email)) STORED,
    "Odd Name" integer
);
INSERT INTO users SELECT n, 'User' || n || '@Example.org', n, 'c', ARRAY['a'], '{"a": 1}', 0
FROM generate_series(1, 500) n;
CREATE TABLE orders (id integer PRIMARY KEY, user_id integer REFERENCES users ON DELETE CASCADE);
INSERT INTO orders SELECT n, n FROM generate_series(1, 100) n;
CREATE FUNCTION mine(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1 || ''!''; END';
CREATE FUNCTION plain(text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RETURN mine($1) NOT LIKE ''%!!''; END';
CREATE TABLE parts (id integer, at date, note text) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE parts_2027 PARTITION OF parts FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO parts SELECT n, '2026-12-01'::date + n, NULL FROM generate_series(1, 100) n;
"""
#: SET, WHERE, and how many rows the sweep writes.
WRITTEN: list[tuple[str, tuple[str, ...], str, int]] = [
    ("users", ("email = lower(email)",), "email <> lower(email)", 500),
    ("users", ("code = 'old'",), "id <= 7", 7),
    ("users", ("price = price * 1.105",), "price < 1.05", 1),
    ("users", ("n = users.id", '"Odd Name" = 7'), "users.id > 490 AND n = 0", 10),
    ("users", ("tags = tags || 'b'::text",), "NOT 'b' = ANY (tags) AND id < 10", 9),
    ("users", ("doc = NULL",), "doc->>'a' = '1' AND id = 3", 1),
    ("users", ("n = (SELECT count(*) FROM orders WHERE user_id = users.id)",), "true", 100),
    ("users", ("email = mine(email)",), "email NOT LIKE '%!' AND id < 5", 4),
    # What it calls is found along the role's own search_path only, by the sweep and by the look after it.
    ("users", ("email = mine(email)",), "plain(email) AND id < 5", 4),
    ("users", ("n = DEFAULT",), "n = 1", 0),
    ("parts", ("note = 'x'",), "at > '2026-12-31'", 70),
]
REFUSED: list[tuple[dict[str, Any], type[EcError], str]] = [
    ({"set": ("n = n + 1",), "where": "true"}, BadExpression, "would match again"),
    ({"set": ("n = n + 1",), "where": "n < 5"}, BadExpression, "id = "),
    ({"set": ("nn = 1",), "where": "true"}, NoSuchObject, "n"),
    ({"set": ("n",), "where": "true"}, BadExpression, "COL = EXPR"),
    ({"set": ("n = 1", "n = 2"), "where": "true"}, BadExpression, "twice"),
    ({"set": ("n = 'x'",), "where": "true"}, BadExpression, "invalid input syntax"),
    ({"set": ("n = email",), "where": "true"}, BadExpression, "is of type integer"),
    ({"set": ("n = max(id)",), "where": "true"}, BadExpression, "aggregate"),
    ({"set": ("n = 1",), "where": "id"}, BadExpression, "boolean"),
    ({"set": ("n = 1",), "where": "true) OR (false"}, BadExpression, "parenthesis"),
    ({"set": ("n = 1",), "where": "old"}, BadExpression, 'column "old" does not exist'),
    ({"set": ("up = 'x'",), "where": "true"}, UnsupportedShape, "computed"),
    ({"table": "parts", "set": ("at = '2026-02-02'",), "where": "true"}, UnsupportedShape, "partition key"),
    ({"table": "pats", "set": ("at = NULL",), "where": "true"}, NoSuchObject, "parts"),
]


@pytest.fixture
async def context(database: str) -> AsyncIterator[Context]:
    """Give a database with rows."""
    connection = await asyncpg.connect(database)
    await connection.execute(WORLD)
    await connection.close()
    context = Context(Database(database), POLICY, lambda _: None, "tests", limits=IN_A_HURRY)
    yield context
    await context.database.close()


async def _plan(context: Context, kind: str, fields: dict[str, Any]) -> Plan:
    return await plans.make(context, plans.named(kind, fields, ()))


async def test_what_is_refused(context: Context) -> None:
    """Each with its reason, before anything is changed."""
    for fields, error, why in REFUSED:
        with pytest.raises(error) as refused:
            await _plan(context, "update-rows", {"table": "users", **fields})
        told = f"{refused.value} {refused.value.why} {refused.value.next}"
        assert why in told, (fields, told)


async def test_the_plan_says_how_many_rows_match(context: Context) -> None:
    """Counted by a sample, or in all rows; where foreign code would run it says that nobody counted."""
    for table, set_, where, found in WRITTEN:
        plan = await _plan(context, "update-rows", {"table": table, "set": set_, "where": where})
        (said,) = [note.sentence for note in plan.costs if note.code == "matching"]
        if "mine" in str(set_):
            assert "was not counted" in said
        else:
            assert said.startswith(f"{found:,} of "), (set_, said)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("number", [0, 2, 6, 8, 10])
async def test_each_row_is_written_once(database: str, number: int) -> None:
    """What the sweep wrote is what the statement would have written, and the change is finished by itself."""
    table, set_, where, found = WRITTEN[number]
    fields = {"table": table, "set": set_, "where": where}
    async with living(database, "update-rows", fields, WORLD) as life:
        await life.sql(f"CREATE TABLE expected AS TABLE {table}")
        await life.sql(f"UPDATE expected AS {table} SET {', '.join(set_)} WHERE {where}")
        await life.start()
        situation = await life.backfill()
        assert situation.stage == Stage.FINISHED
        assert situation.copy is not None
        assert situation.copy.rows == found
        columns = "id, note" if table == "parts" else "id, email, price, code, tags, doc::text, n"
        differs = f"SELECT {columns} FROM expected EXCEPT SELECT {columns} FROM {table}"
        assert await life.rows(differs) == []
        assert not await life.value("SELECT count(*) FROM pg_proc WHERE proname LIKE '000%'")


async def test_a_row_that_would_match_again_is_left_and_named(database: str) -> None:
    """One that came after the plan is not written any number of times: it stays, and keeps the change open
    until somebody has mended it.
    """
    fields = {"table": "users", "set": ["n = n + 1"], "where": "n < 1"}
    async with living(database, "update-rows", fields, WORLD, to=Stage.BEFORE_READY) as life:
        await life.sql("UPDATE users SET n = -1 WHERE id = 7")
        with pytest.raises(Mismatches, match="1 of 500 rows match still") as found:
            await life.backfill()
        assert "id=7" in found.value.why
        assert await life.rows("SELECT n, count(*) FROM users GROUP BY 1 ORDER BY 1") == [(-1, 1), (1, 499)]
        await life.sql("UPDATE users SET n = 0 WHERE id = 7")
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.value("SELECT count(*) FROM users WHERE n = 1") == 500
        await life.rollback()
        assert any("nothing gives back" in str(each) for each in life.heard)


async def test_a_backfill_that_dies_anywhere_goes_on(database: str, nursery: Nursery) -> None:
    """Killed in the sweep, after the look, and when only the end was left: the same command goes on, and no
    row is written twice.
    """
    fields = {"table": "users", "set": ["n = n + 1"], "where": "n < 1"}
    async with living(database, "update-rows", fields, WORLD, to=Stage.BEFORE_READY) as life:
        for point in ("copy.batch.committed", "verify.compared", "repair.finish.recorded"):
            asked = life.name, life.change.kind, dict(life.change.spec)
            died = await asyncio.to_thread(nursery.run, database, asked, "backfill", kill=(point, 1))
            assert died.how == DIED, (point, died)
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.rows("SELECT n, count(*) FROM users GROUP BY 1") == [(1, 500)]
        assert not await life.value("SELECT count(*) FROM pg_proc WHERE proname LIKE '000%'")


async def test_rows_are_deleted_with_what_refers_to_them(database: str) -> None:
    """A foreign key that cascades is a hazard by its name; rows that do not match stay."""
    fields = {"table": "users", "where": "id <= 50 OR id > 400"}
    async with living(database, "delete-rows", fields, WORLD) as life:
        plan = await life.plan()
        codes = {note.code for note in plan.to_acknowledge}
        key = "public.orders.orders_user_id_fkey"
        assert codes == {f"referring:{key}", f"unindexed:{key}"}
        (said,) = [note.sentence for note in plan.costs if note.code == "matching"]
        assert said == "150 of 500 rows match now. Rows that refer to them: 50 of public.orders."
        await life.start(acknowledged=codes)
        with pytest.raises(Refused, match="no-user-triggers"):
            await life.backfill(user_triggers=False)
        assert (await life.backfill()).stage == Stage.FINISHED
        assert await life.rows("SELECT count(*), min(id), max(id) FROM users") == [(350, 51, 400)]
        assert await life.value("SELECT count(*) FROM orders") == 50
