"""To plan has no effects: what an expression does is parsed and judged, never done."""

import contextlib

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Section
from expandcontract.model.step import Transactional
from tests.postgres.scripted import compiled

GIVEN = """
CREATE SEQUENCE s;
CREATE FUNCTION bump(text) RETURNS text LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN RETURN $1 || nextval('s'); END $$;
CREATE FUNCTION liar(text) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN PERFORM nextval('s'); RETURN $1; END $$;
CREATE FUNCTION sworn(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM nextval('s'); RETURN $1; END $$;
CREATE FUNCTION asked(int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN PERFORM nextval('s'); RETURN true; END $$;
CREATE DOMAIN watched AS int CHECK (asked(VALUE));
CREATE TABLE t (id int PRIMARY KEY, name text DEFAULT 'nobody', made text DEFAULT bump('x'), w watched);
"""


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("column", "fields"),
    [
        ("name", {"using": "bump(name)", "back": "b"}),
        ("name", {"using": "liar(name)", "back": "b"}),
        ("name", {"using": "name", "back": "bump(b)"}),
        ("name", {"using": "setval('s', 42)::text", "back": "nextval('s')::text"}),
        ("name", {"using": "coalesce(name, nextval('s')::text)", "one_way": True}),
        ("made", {"using": "made", "back": "b"}),
        ("name", {"type": "text DEFAULT nextval('s')"}),
        ("name", {"type": "text DEFAULT ('{1}'::watched[])[1]"}),
        ("w", {"type": "text"}),
        ("name", {"using": "name || sworn('x')", "back": "b"}),
        ("name", {"using": "name", "back": "b || sworn('x')"}),
        ("name", {"using": "name || ('{1}'::watched[])[1]", "back": "b"}),
        ("id", {"type": "watched"}),
    ],
)
async def test_to_plan_moves_no_sequence(database: str, column: str, fields: dict[str, object]) -> None:
    """Whatever stands in --using, --back, --type, a default or a domain: nothing of it is carried out.

    A sequence shows it, as no rollback sets it back.
    """
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(GIVEN)
        spec = {"column": f"t.{column}", "type": "text", "to": "b", **fields}
        with contextlib.suppress(EcError):  # refused is well, too
            await compiled(database, Change("0001_t", "change-type", spec))
        assert await conn.fetchval("SELECT is_called FROM s") is False
    finally:
        await conn.close()


async def test_a_volatile_back_keeps_null(database: str) -> None:
    """Of an expression that is not evaluated nobody knows what it makes of NULL: it is not asked there."""
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(GIVEN)
        spec = {"column": "t.name", "type": "text", "to": "b", "using": "name", "back": "bump(b)"}
        plan = await compiled(database, Change("0001_t", "change-type", spec))
    finally:
        await conn.close()
    assert plan.sides.mode == "fill"
    action = plan.steps(Section.DUAL_WRITE)[0].action
    assert isinstance(action, Transactional)
    assert any("CASE WHEN b IS NOT NULL THEN" in statement for statement in action.statements)


_OTHERS: dict[str, dict[str, object]] = {
    "add-column with a default": {"column": "t.more", "type": "text", "default": "bump('x')"},
    "add-column that is filled": {"column": "t.more", "type": "text", "fill": "bump(name) || sworn('x')"},
    "add-column with a check": {"column": "t.more", "type": "int", "check": "asked(more)"},
    "set-default": {"column": "t.name", "default": "nextval('s')::text"},
    "set-not-null": {"column": "t.name", "fill": "liar(name) || sworn('x')"},
    "add-check": {"table": "t", "check": "asked(id)"},
    "add-index": {"table": "t", "columns": "lower(sworn(name))", "where": "sworn(name) <> ''"},
    "drop-column": {"column": "t.made", "fill": "bump('x') || sworn('x')"},
    "split-column": {
        "column": "t.name",
        "into": ["a text = bump(name)", "b text = sworn(name)"],
        "back": "a || b",
    },
    "update-rows": {
        "table": "t",
        "set": ["name = bump(name)", "made = sworn('x')"],
        "where": "liar(name) = 'x'",
    },
    "delete-rows": {"table": "t", "where": "asked(id) AND sworn('x') = 'x'"},
}


@pytest.mark.parametrize("case", _OTHERS)
async def test_to_plan_any_kind_moves_no_sequence(database: str, case: str) -> None:
    """Nor do the rows that are counted: code of the application is called for none of them."""
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(f"{GIVEN}; ALTER TABLE t ALTER made DROP DEFAULT")
        await conn.execute("INSERT INTO t VALUES (1, 'x', 'y', 1); SELECT setval('s', 1, false)")
        with contextlib.suppress(EcError):  # refused is well, too
            await compiled(database, Change("0001_t", case.partition(" ")[0], _OTHERS[case]))
        assert await conn.fetchval("SELECT is_called FROM s") is False
    finally:
        await conn.close()
