"""add-foreign-key: what it finds before it refuses anything, and what it refuses to plan."""

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import (
    BadExpression,
    BadName,
    EcError,
    GateShut,
    Mismatches,
    NameTaken,
    NoSuchObject,
    UnsupportedShape,
)
from expandcontract.model.plan import Plan
from tests.acceptance.cycle import living, opened
from tests.acceptance.script import scripted
from tests.conftest import VERSION

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE customers (id integer PRIMARY KEY, region text, number integer, note text,
    UNIQUE (region, number));
CREATE TABLE "Guest Book" ("Full, Name" text PRIMARY KEY, up text);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id bigint, region text, number integer, note text,
    CONSTRAINT taken CHECK (id > 0));
CREATE TABLE sales (id integer, customer_id integer) PARTITION BY RANGE (id);
CREATE TABLE sales_one PARTITION OF sales DEFAULT;
CREATE VIEW seen AS SELECT * FROM orders;
INSERT INTO customers SELECT n, 'r', n FROM generate_series(1, 10) n;
INSERT INTO orders SELECT n, n % 12, 'r', NULLIF(n, 7) FROM generate_series(1, 20) n;
"""
FIELDS = {"columns": "orders.customer_id", "references": "customers.id"}


async def test_what_can_be_asked_for(database: str) -> None:
    """Several columns, quoted names, the table itself; what has no index is said. The rest is refused."""
    async with opened(database, "add-foreign-key", FIELDS, GIVEN) as life:

        async def planned(columns: str, references: str, **fields: object) -> Plan:
            asked = {"columns": columns, "references": references} | fields
            return await plan.make(life.context, plan.named("add-foreign-key", asked, ()))

        one = await planned("orders.customer_id", "customers")
        assert {note.code for note in one.hazards} == {"no-index"}
        assert "orders_customer_id_fkey" in one.about
        many = await planned(
            "public.orders.region,number", "public.customers.region,number", on_delete="set-null"
        )
        assert (
            "FOREIGN KEY (region, number) REFERENCES public.customers(region, number) ON DELETE SET NULL"
            in (many.about)
        )
        full = await planned("orders.region,number", "customers.region,number", match_full=True)
        assert "customers(region, number) MATCH FULL" in full.about
        itself = await planned('"Guest Book".up', '"Guest Book"."Full, Name"', deferrable=True)
        assert "DEFERRABLE" in itself.about
        if VERSION >= 18:
            await planned("sales.customer_id", "customers")
        for columns, references, fields, error in (
            ("orders.customer", "customers", {}, NoSuchObject),
            ("order.customer_id", "customers", {}, NoSuchObject),
            ("orders.customer_id", "customer", {}, BadExpression),
            ("orders.customer_id", "customers.number", {}, BadExpression),
            ("orders.note", "customers.id", {}, BadExpression),
            ("orders.customer_id", "seen.id", {}, BadExpression),
            ("seen.id", "customers", {}, UnsupportedShape),
            ("orders", "customers", {}, BadName),
            ("orders.customer_id", "customers", {"name": "taken"}, NameTaken),
            ("orders.customer_id", "customers", {"on_delete": "explode"}, EcError),
        ):
            with pytest.raises(error):
                await planned(columns, references, **fields)


async def test_rows_that_refer_to_nothing_are_named(database: str) -> None:
    """They are counted before anything is refused, and contract does not begin while there are any; a row
    that comes after the look is found by VALIDATE, and then the key is taken back.
    """
    async with living(database, "add-foreign-key", FIELDS, GIVEN) as life:
        with pytest.raises(Mismatches, match="2 of 20 rows refer to nothing"):
            await life.ready()
        assert (await life.situation()).deployable
        verdicts = {each.gate: each for each in gates.judge_all(await life.situation())}
        assert not verdicts["looks-clean"].open
        with pytest.raises(GateShut):
            await life.contract()
        await life.sql("UPDATE orders SET customer_id = NULL WHERE customer_id NOT BETWEEN 1 AND 10")
        await life.verify()
        await life.sql("INSERT INTO orders VALUES (100, 11)")
        with pytest.raises(EcError):
            await life.contract()
        await life.sql("INSERT INTO orders VALUES (101, 11); DELETE FROM orders WHERE id > 99")
        await life.verify()
        await life.contract()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await life.sql("INSERT INTO orders VALUES (101, 11)")
        await life.undo()
        await life.sql("INSERT INTO orders VALUES (101, 11)")


async def test_a_key_of_all_columns_or_none(database: str) -> None:
    """MATCH FULL: a row that has one of them alone breaks it, and is found."""
    fields = {"columns": "orders.region,number", "references": "customers.region,number", "match_full": True}
    given = f"{GIVEN} UPDATE orders SET region = NULL, number = NULL WHERE number > 10 AND id <> 12"
    async with living(database, "add-foreign-key", fields, given) as life:
        with pytest.raises(Mismatches, match="2 of 20 rows refer to nothing") as found:
            await life.ready()
        assert found.value.why.startswith("Rows: id=7; id=12.")
        await life.sql("UPDATE orders SET region = NULL, number = NULL WHERE id IN (7, 12)")
        await life.verify()
        await life.contract()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await life.sql("INSERT INTO orders (id, region) VALUES (101, 'r')")


async def test_rows_that_break_a_key_which_is_not_valid_are_named(database: str) -> None:
    """By validation, and all of them: PostgreSQL names the first alone."""
    key = "ALTER TABLE orders ADD CONSTRAINT whose FOREIGN KEY (customer_id) REFERENCES customers NOT VALID"
    fields = {"table": "orders", "name": "whose"}
    async with living(database, "validate-constraint", fields, f"{GIVEN}{key}") as life:
        await life.start()
        with pytest.raises(Mismatches, match=r"2 rows of public\.orders break whose") as found:
            await life.backfill()
        assert found.value.why == "Rows: id=11; id=12."


#: An index whose expression calls what leaves a mark that no rollback takes away, and names that hold SQL.
STRANGE = """
CREATE SEQUENCE called;
GRANT ALL ON SEQUENCE called TO PUBLIC;
CREATE FUNCTION marks(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    PERFORM nextval('public.called');
    RETURN $1;
END $$;
CREATE TABLE "a USING btree (id)" (id integer, "n USING" integer, region text COLLATE "C");
CREATE UNIQUE INDEX strange ON "a USING btree (id)" (id, (marks(1)));
CREATE UNIQUE INDEX partial ON "a USING btree (id)" (id) WHERE marks(0) = 0;
CREATE UNIQUE INDEX "b USING hash (id); DROP TABLE mine" ON "a USING btree (id)" (id) INCLUDE ("n USING");
ALTER TABLE "a USING btree (id)" ADD UNIQUE NULLS NOT DISTINCT (region, "n USING");
CREATE TABLE mine (id integer PRIMARY KEY, it integer, region text, n integer);
ALTER SEQUENCE called RESTART;
"""


async def test_nothing_of_the_other_tables_owner_runs_in_a_plan(database: str) -> None:
    """Of the table that is referred to the plan copies what makes columns unique, and no expression: it would
    be evaluated with the rights of whoever owns the table that refers.
    """
    strange = '"a USING btree (id)"'
    async with opened(database, "add-foreign-key", FIELDS, STRANGE) as life:
        for kind, fields in (
            ("add-foreign-key", {"columns": "mine.it", "references": f"{strange}.id"}),
            ("add-foreign-key", {"columns": "mine.region,n", "references": f'{strange}.region,"n USING"'}),
            ("add-column", {"column": "mine.more", "type": "integer", "references": f"{strange}.id"}),
        ):
            await plan.make(life.context, plan.named(kind, fields, ()))
        assert not await life.value("SELECT is_called FROM called")


async def test_rows_of_partitions_are_there_to_be_referred_to(database: str) -> None:
    """A partitioned table has none of its own: what refers to a row of a partition breaks nothing."""
    given = """CREATE TABLE lots (id integer PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE lots_low PARTITION OF lots FOR VALUES FROM (0) TO (100); INSERT INTO lots VALUES (1), (2);
    CREATE TABLE bids (id integer PRIMARY KEY, lot integer); INSERT INTO bids VALUES (1, 1), (2, 2), (3, 7)"""
    async with scripted(
        database, "add-foreign-key", {"columns": "bids.lot", "references": "lots"}, given
    ) as script:
        assert await script.mismatches() == 1
