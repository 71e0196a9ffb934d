"""An expression means the same in every session: its functions find what they name, and no setting of a
session changes its value; where that cannot be, the pair is filled and not held in sync by comparison.
"""

from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from expandcontract.model.change import Change, Mode
from expandcontract.model.phases import Section
from expandcontract.model.step import Sweep
from tests.acceptance.catalog import Connection
from tests.postgres.scripted import compiled, run

pytestmark = pytest.mark.in_turn(2)

GIVEN = """
CREATE TABLE rates (code text PRIMARY KEY, rate int);
INSERT INTO rates VALUES ('a', 7);
CREATE FUNCTION helper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$;
CREATE FUNCTION calls(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN helper(t); END $$;
CREATE FUNCTION broken(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN nowhere(t); END $$;
CREATE FUNCTION rated(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN (SELECT rate::text FROM rates WHERE code = t); END $$;
CREATE FUNCTION instant(t timestamp) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN t; END $$;
CREATE FUNCTION local(t timestamptz) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN t; END $$;
CREATE FUNCTION through(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN rated(t); END $$;
CREATE TABLE t (
    id int PRIMARY KEY, name text, at timestamp, f double precision, b bytea, i interval, d date, n numeric
);
INSERT INTO t SELECT g, 'a', '2026-01-01', 0.1 + 0.2, '\\x00ff', '1 day 02:03', '2026-02-01', g
FROM generate_series(1, 3) g;
"""


@pytest.fixture
async def conn(database: str) -> AsyncIterator[Connection]:
    """Give a session of the owner, with the tables and functions."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(GIVEN)
        yield connection
    finally:
        await connection.close()


def _change(column: str, type_: str, **fields: object) -> Change:
    return Change("0001_t", "change-type", {"column": f"t.{column}", "type": type_, "to": "x", **fields})


async def test_a_function_finds_what_it_names_whoever_calls_it(conn: Connection, database: str) -> None:
    """A function whose text names another one without its schema is called under the role's own search_path,
    in the copy and in every session that writes.
    """
    plan = await compiled(database, _change("name", "text", using="calls(name)", back="lower(x)"))
    assert plan.sides.mode == Mode.MIRROR
    assert [note.code for note in plan.hazards if "calls" in note.sentence] == ["search-path"]
    await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)
    assert await conn.fetchval("SELECT count(*) FROM t WHERE x = 'A'") == 3
    await conn.execute("SET search_path = ''; UPDATE public.t SET name = 'b'")
    assert await conn.fetchval("SELECT count(*) FROM public.t WHERE x = 'B'") == 3


async def test_a_function_that_is_not_there_is_no_value(conn: Connection, database: str) -> None:
    """What a function's body names and nobody has is an error of the code, and makes NULL of no value."""
    plan = await compiled(database, _change("name", "text", using="broken(name)", back="lower(x)"))
    with pytest.raises(asyncpg.UndefinedFunctionError, match="nowhere"):
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_change("name", "text", using="rated(name)", back="x", unfit="accept"), "rates"),
        (_change("name", "text", using="through(name)", back="x", unfit="accept"), "rates"),
        (_change("at", "timestamptz", using="instant(at)", back="local(x)"), "timestamptz"),
    ],
)
async def test_a_label_is_not_believed_against_the_body(
    conn: Connection, database: str, change: Change, named: str
) -> None:
    """A wrapper that is declared immutable and reads a table, or the session's time zone, fills: an unrelated
    UPDATE from another session moves nothing.
    """
    plan = await compiled(database, change)
    assert plan.sides.mode == Mode.FILL
    assert any(named in note.sentence for note in plan.hazards if note.code == "fill")
    await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)
    before = await conn.fetch("SELECT id, name, at, x FROM t ORDER BY id")
    await conn.execute("UPDATE rates SET rate = 8; SET timezone = 'Asia/Tokyo'; UPDATE t SET n = n + 1")
    await conn.execute("SET timezone = 'UTC'")
    assert await conn.fetch("SELECT id, name, at, x FROM t ORDER BY id") == before


@pytest.mark.parametrize(
    ("column", "settings"),
    [
        ("f", ["extra_float_digits = 0", "extra_float_digits = -15"]),
        ("b", ["bytea_output = 'escape'"]),
        ("i", ["IntervalStyle = 'iso_8601'", "IntervalStyle = 'sql_standard'"]),
        ("d", ["DateStyle = 'German'", "DateStyle = 'SQL, DMY'"]),
    ],
)
async def test_no_setting_of_a_session_changes_a_value(
    conn: Connection, database: str, column: str, settings: Sequence[str]
) -> None:
    """What is written as text under one setting is the same under every other: no write is refused, an
    unrelated one moves nothing, and no row counts as a mismatch.
    """
    plan = await compiled(database, _change(column, "text"))
    await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)
    (step,) = plan.steps(Section.VERIFY)
    assert isinstance(step.action, Sweep)
    mismatch = f"SELECT count(*) FROM t WHERE {step.action.wanted}"
    before = await conn.fetch(f"SELECT id, {column}, x FROM t ORDER BY id")
    for setting in settings:
        await conn.execute(f"SET {setting}")
        await conn.execute("UPDATE t SET n = n + 1")
        assert await conn.fetch(f"SELECT id, {column}, x FROM t ORDER BY id") == before
        assert await conn.fetchval(mismatch) == 0
        await conn.execute(f"INSERT INTO t (id, {column}) SELECT 10 + id, {column} FROM t WHERE id = 1")
        await conn.execute("INSERT INTO t (id, x) SELECT 20 + id, x FROM t WHERE id = 1")
        assert (
            await conn.fetchval(f"SELECT count(DISTINCT (x, {column}::text)) FROM t WHERE id % 10 = 1") == 1
        )
        await conn.execute("DELETE FROM t WHERE id > 10; RESET ALL")


async def test_how_many_digits_an_amount_has_is_what_the_plan_saw(conn: Connection, database: str) -> None:
    """Whatever the session of a writer has: of another lc_monetary 12.50 may be 1,250."""
    await conn.execute("ALTER TABLE t ADD price money DEFAULT '12.50'")
    kept = """SELECT proname::text FROM pg_proc
        WHERE 'lc_monetary=' || current_setting('lc_monetary') = ANY (proconfig)
        AND pronamespace = 'expandcontract_sync'::regnamespace AND prosqlbody IS NOT NULL ORDER BY 1"""
    fill = {"column": "t.amount", "type": "numeric", "fill": "price::numeric"}
    changes = (
        Change("0001_numeric", "change-type", {"column": "t.price", "type": "numeric", "to": "x"}),
        Change("0002_text", "change-type", {"column": "t.price", "type": "text", "to": "y"}),
        Change("0003_filled", "add-column", fill),
    )
    for change in changes:
        plan = await compiled(database, change)
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE)
    found = {name.rstrip("!") for (name,) in await conn.fetch(kept)}
    assert found == {
        "0001_numeric_back", "0001_numeric_forward", "0002_text_back", "0002_text_forward",
        "0003_filled_fill",
    }  # fmt: skip


async def test_no_setting_of_a_session_changes_what_fills_a_row(conn: Connection, database: str) -> None:
    """What a new column gets of the others is the same whoever writes the row."""
    fill = {"column": "t.said", "type": "text", "fill": "concat_ws(' ', f, b, i, d)"}
    plan = await compiled(database, Change("0001_t", "add-column", fill))
    await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE)
    await conn.execute("UPDATE t SET n = n")
    await conn.execute("""SET extra_float_digits = -15; SET bytea_output = 'escape';
        SET IntervalStyle = 'iso_8601'; SET DateStyle = 'German'""")
    await conn.execute("INSERT INTO t (id, f, b, i, d) SELECT 10 + id, f, b, i, d FROM t")
    await conn.execute("RESET ALL")
    assert await conn.fetchval("SELECT count(DISTINCT said) FROM t") == 1
