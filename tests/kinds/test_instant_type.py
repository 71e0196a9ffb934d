"""change-type --instant: the types that PostgreSQL gives a column at once, and what it refuses."""

from typing import Any

import asyncpg
import pytest

from expandcontract.engine.verbs import plan as plans
from expandcontract.model.errors import BadChangeFile, BadExpression, EcError, UnsupportedShape
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import living, opened
from tests.acceptance.script import TO_READY
from tests.kinds.test_lives import Writer
from tests.kinds.watched import Watched

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE other (id integer PRIMARY KEY);
CREATE TABLE t (
    id integer PRIMARY KEY, name varchar(20) COLLATE "C" NOT NULL DEFAULT 'nobody',
    "The Code" varchar(5) UNIQUE, amount numeric(10,2), long varchar(40), at timestamp,
    small integer REFERENCES other, checked varchar(9) CHECK (checked <> ''), seen varchar(9),
    stamped varchar(9), folded varchar(9), doubled varchar(9), number integer GENERATED ALWAYS AS IDENTITY,
    twice text GENERATED ALWAYS AS (doubled || doubled) STORED
);
CREATE INDEX ON t (name, amount DESC); CREATE INDEX ON t (lower(folded));
CREATE VIEW on_seen AS SELECT seen FROM t;
CREATE TRIGGER stamp BEFORE UPDATE OF stamped ON t FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
INSERT INTO t (id, name, "The Code", amount) SELECT n, 'User ' || n, n, n FROM generate_series(1, 100) n;
CREATE TABLE parts (id integer, name varchar(20), note varchar(20)) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts DEFAULT;
CREATE TABLE parent (name varchar(5)); CREATE TABLE child () INHERITS (parent);
CREATE INDEX ON parts (name); INSERT INTO parts SELECT n, 'Part ' || n FROM generate_series(1, 50) n;
"""
#: The column, the type, and what it then is.
AT_ONCE = (
    ("t.name", "text", "text"),
    ('t."The Code"', "varchar", "character varying"),
    ("t.amount", "numeric(12,2)", "numeric(12,2)"),
    ("parts.note", "varchar(30)", "character varying(30)"),
    ("parent.name", "text", "text"),
)
REFUSED: list[tuple[dict[str, Any], type[EcError], str]] = [
    ({"column": "t.long", "type": "varchar(20)"}, UnsupportedShape, "anew while nobody may use it"),
    ({"column": "t.amount", "type": "numeric(10,3)"}, UnsupportedShape, "anew while nobody may use it"),
    ({"column": "t.folded", "type": "text"}, UnsupportedShape, "anew while nobody may use it"),
    # The index of each partition would be built.
    ({"column": "parts.name", "type": "text"}, UnsupportedShape, "anew while nobody may use it"),
    ({"column": "t.at", "type": "timestamptz"}, UnsupportedShape, "anew while nobody may use it"),
    ({"column": "t.long", "type": "varchar(40)"}, UnsupportedShape, "already"),
    ({"column": "t.long", "type": "integer"}, UnsupportedShape, "cannot be cast automatically"),
    ({"column": "t.small", "type": "bigint"}, UnsupportedShape, "t_small_fkey names small"),
    ({"column": "t.checked", "type": "text"}, UnsupportedShape, "t_checked_check names checked"),
    ({"column": "t.seen", "type": "text"}, UnsupportedShape, "beneath view public.on_seen"),
    ({"column": "t.stamped", "type": "text"}, UnsupportedShape, "beneath trigger"),
    ({"column": "t.doubled", "type": "text"}, UnsupportedShape, "beneath generated column"),
    ({"column": "t.number", "type": "bigint"}, UnsupportedShape, "an identity"),
    ({"column": "parts.id", "type": "bigint"}, UnsupportedShape, "a partition key"),
    ({"column": "child.name", "type": "text"}, UnsupportedShape, "inherits"),
    ({"column": "t.long", "type": 'text COLLATE "C"'}, UnsupportedShape, "a collation of its own"),
    ({"column": "t.long", "type": "text NOT NULL"}, BadExpression, "syntax error"),
    ({"column": "t.long", "type": "text, DROP COLUMN id"}, BadExpression, "PostgreSQL does not take"),
    ({"column": "t.long", "type": "text", "using": "lower(long)"}, BadChangeFile, "--using"),
    (
        {"column": "t.long", "type": "text", "to": "longer"},
        BadChangeFile,
        "--to NEWNAME, --swap or --instant",
    ),
]
_STANDS = """
SELECT format_type(a.atttypid, a.atttypmod), l.collname::text,
       EXISTS (SELECT FROM pg_statistic WHERE starelid = a.attrelid AND staattnum = a.attnum)
FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = 't'::regclass AND a.attname = 'name'
"""


def _asked(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"instant": True}


async def test_the_type_is_there_at_once(database: str) -> None:
    """Nothing is read or written anew under a lock that stops anybody; collation, default and indexes are
    what they were, and the planner has statistics again.
    """
    async with opened(database, "change-type", _asked({"column": "t.name", "type": "text"}), GIVEN) as life:
        for column, type_, becomes in AT_ONCE:
            change = plans.named("change-type", _asked({"column": column, "type": type_}), ())
            planned = await plans.make(life.context, change)
            assert {note.code for note in planned.to_acknowledge} == {"type-stays"}
            watched = Watched(database, life.app, life.context, change, planned=planned)
            await watched.run(*TO_READY)
            assert watched.faults == [], column
            table, _, name = column.partition(".")
            query = (
                "SELECT bool_and(format_type(atttypid, atttypmod) = $1) FROM pg_attribute WHERE attname = $2"
            )
            of_all = (
                f"{query} AND attrelid IN (SELECT '{table}'::regclass UNION SELECT inhrelid FROM pg_inherits"
            )
            assert await life.value(
                f"{of_all} WHERE inhparent = '{table}'::regclass)", becomes, name.strip('"')
            ), column
        assert await life.rows(_STANDS) == [("text", "C", True)]
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        assert await life.value(invalid) == 0
        await life.sql(
            "INSERT INTO t (id, amount) VALUES (101, 1); INSERT INTO t (id, name) VALUES (102, $$a$$)"
        )
        assert await life.value("SELECT name FROM t WHERE id = 101") == "nobody"


async def test_what_is_not_at_once_is_refused(database: str) -> None:
    """With the reason and another way, before anything is changed."""
    async with opened(database, "change-type", _asked({"column": "t.name", "type": "text"}), GIVEN) as life:
        for fields, error, why in REFUSED:
            with pytest.raises(error) as refused:
                await plans.make(life.context, plans.named("change-type", _asked(fields), ()))
            told = f"{refused.value} {refused.value.why} {refused.value.next}"
            assert why in told, (fields, told)


async def test_start_is_the_whole_change(database: str) -> None:
    """It is finished then, beside an application that writes all the while; the old type does not come back
    with a rollback.
    """
    given = "CREATE TABLE t (id integer PRIMARY KEY, name varchar(5)); INSERT INTO t VALUES (1, 'short')"
    fields = _asked({"column": "t.name", "type": "text"})
    async with living(database, "change-type", fields, given) as life:
        application = await asyncpg.connect(database)
        writer = Writer(application, "INSERT INTO t VALUES ($1, 'busy')", 100)
        async with writer.at_work():
            situation = await life.start(acknowledged={"type-stays"})
        await application.close()
        assert writer.failed == []
        assert situation.stage == Stage.FINISHED
        await life.sql("INSERT INTO t VALUES (2, 'longer than before')")
        assert (await life.rollback()).stage == Stage.ROLLED_BACK
        assert await life.value("SELECT pg_typeof(name)::text FROM t WHERE id = 2") == "text"
