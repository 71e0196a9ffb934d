"""What becomes of defaults and rules of a column with another type, where they do not fit as they are."""

from collections.abc import Mapping

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Transactional
from tests.postgres.scripted import compiled

pytestmark = pytest.mark.in_turn(2)

DROPPED = "dropped"
UTC = {"type": "timestamptz", "using": "v AT TIME ZONE 'UTC'", "back": "w AT TIME ZONE 'UTC'"}
TWICE = {"type": "text", "using": "v || v", "back": "left(w, length(w) / 2)"}
#: The column with its default, what is asked for, and what the new column's default gives.
CASES: dict[str, tuple[str, Mapping[str, object], str]] = {
    "through the expression": ("timestamp DEFAULT now()", UTC, "(now()::timestamp AT TIME ZONE 'UTC')"),
    "named twice by it": ("text DEFAULT CURRENT_USER", TWICE, "CURRENT_USER::text || CURRENT_USER"),
    "a cast": ("timestamp DEFAULT now()", {"type": "date", "back": "w::timestamp"}, "CURRENT_DATE"),
    "a constant": ("int DEFAULT 5", {"type": "text", "using": "(v * 2)::text", "back": "w::int / 2"}, "'10'"),
    "nothing": ("varchar(9) DEFAULT NULL::varchar", {"type": "text"}, "NULL"),
    "no number": ("text DEFAULT 'none'", {"type": "int"}, DROPPED),
    "too large": ("bigint DEFAULT 5000000000", {"type": "int"}, DROPPED),
    "volatile": ("timestamp DEFAULT now()", UTC | {"using": "v + random() * interval '1 day'"}, DROPPED),
}


async def _planned(database: str, kind: str, fields: Mapping[str, object]) -> Plan:
    return await compiled(database, Change("0001_t", kind, {"column": "t.v", **fields}))


@pytest.mark.parametrize("case", CASES)
async def test_a_default_goes_through_the_expression(database: str, case: str) -> None:
    """It gives what old code's default would become; what does not fit is named, and nothing else is."""
    given, fields, wanted = CASES[case]
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {given})")
        plan = await _planned(database, "change-type", {"to": "w", **fields})
        notes = [note for note in plan.hazards if note.code == "default-dropped"]
        assert [note.acknowledge for note in notes] == ([False] if wanted == DROPPED else [])
        set_ = [each for each in _ready(plan) if " SET DEFAULT " in each]
        assert len(set_) == (wanted not in (DROPPED, "NULL"))
        if set_:
            made = set_[0].partition(" SET DEFAULT ")[2]
            assert await connection.fetchval(f"SELECT ({made}) IS NOT DISTINCT FROM ({wanted})")
    finally:
        await connection.close()


def _ready(plan: Plan) -> tuple[str, ...]:
    (action,) = (step.action for step in plan.steps(Section.BACKFILL) if step.id == "ready")
    assert isinstance(action, Transactional)
    return action.statements


async def test_a_default_that_is_missed_must_be_acknowledged(database: str) -> None:
    """Of a column that is NOT NULL, new code that relied on it would be refused."""
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE TABLE t (v text NOT NULL DEFAULT 'none')")
    await connection.close()
    plan = await _planned(database, "change-type", {"type": "int", "to": "w"})
    assert [note.code for note in plan.to_acknowledge] == ["default-dropped"]


async def test_rules_that_do_not_fit_must_be_acknowledged(database: str) -> None:
    """Each for itself, by what it is: a UNIQUE, a CHECK; an index that only makes queries quick is named."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text UNIQUE CONSTRAINT long CHECK (v LIKE '__%')); "
        "CREATE UNIQUE INDEX pattern ON t (v text_pattern_ops); CREATE INDEX quick ON t (lower(v))"
    )
    await connection.close()
    plan = await _planned(database, "change-type", {"type": "point", "to": "w", "using": "v::point"})
    codes = ["check-dropped:long", "unique-dropped:pattern", "unique-dropped:t_v_key"]
    assert sorted(note.code for note in plan.to_acknowledge if note.code != "unfit") == codes
    assert "index-dropped" in {note.code for note in plan.hazards}


async def test_advice_about_a_domain_fits_the_command(database: str) -> None:
    """A rename has no --type: it is told the change that has one, with the names filled in."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        "CREATE DOMAIN short AS varchar(9) CHECK (VALUE <> ''); CREATE TABLE t (v short, other text)"
    )
    await connection.close()
    with pytest.raises(UnsupportedShape, match="rewrites the table") as renamed:
        await _planned(database, "rename-column", {"new_name": "w"})
    assert "ec plan change-type public.t.v --type 'character varying(9)' --to w" in renamed.value.next
    with pytest.raises(UnsupportedShape) as changed:
        await compiled(
            database, Change("0001_t", "change-type", {"column": "t.other", "type": "short", "to": "w"})
        )
    assert changed.value.next.startswith("--type 'character varying(9)'")
