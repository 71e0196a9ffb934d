"""What the rows that are there say of a plan, before anything of it stands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from expandcontract.engine import planner
from expandcontract.engine.verbs import plan
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import sample
from expandcontract.postgres.connect import Database

pytestmark = pytest.mark.in_turn(2)


@asynccontextmanager
async def _given(url: str, statements: str) -> AsyncIterator[Database]:
    connection, database = await asyncpg.connect(url), Database(url)
    try:
        await connection.execute(statements)
        yield database
    finally:
        await connection.close()
        await database.close()


async def _compiled(database: Database, *, check_rows: bool = False, **fields: Any) -> Plan:  # noqa: ANN401 - of a spec
    change = plan.named("change-type", {"column": "t.v", "to": "w", **fields}, ())
    async with database.transaction() as conn:
        return await planner.compile_plan(conn, change, "expandcontract", check_rows=check_rows)


async def _unfit(database: Database, **fields: Any) -> list[Note]:  # noqa: ANN401 - of a spec
    return [note for note in (await _compiled(database, **fields)).hazards if note.code == "unfit"]


NUMBERS = """
CREATE TABLE t (a int, b text, v text, PRIMARY KEY (b, a));
INSERT INTO t SELECT n, 'b' || n, CASE n WHEN 7 THEN 'seven' WHEN 8 THEN '008' ELSE n::text END
FROM generate_series(1, 20) n
"""


async def test_values_that_do_not_fit_are_counted_and_named(database: str) -> None:
    """One that cannot be cast, and one that does not come back: with their keys, to be acknowledged."""
    async with _given(database, NUMBERS) as ours:
        (note,) = await _unfit(ours, type="int")
        assert note.acknowledge
        assert note.found == "2 of 20 rows: b = b7, a = 7; b = b8, a = 8."
        assert "seven" not in note.said
        # Who chose what happens to them has acknowledged it.
        (recorded,) = await _unfit(ours, type="int", unfit="record")
        assert (recorded.acknowledge, recorded.found) == (False, note.found)
        (accepted,) = await _unfit(ours, type="int", unfit="accept")
        assert accepted.found == "1 of 20 rows: b = b7, a = 7."
        assert await _unfit(ours, type="varchar(10)") == []
        # An expression that is only stable is asked as well.
        (stable,) = await _unfit(ours, type="text", using="nullif(v, '7')", back="to_char(w::int, '000')")
        assert stable.found.startswith("20 of 20 rows")
        assert (await _compiled(ours, type="int")).fingerprint == await _without_rows(ours)


async def _without_rows(database: Database) -> str:
    async with database.transaction() as conn:
        await conn.exec_driver_sql("TRUNCATE public.t")
    return (await _compiled(database, type="int")).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [("json", "jsonb", """{"b": 1, "a": 2}"""), ("double precision", "numeric", "0.1234567890123456789")],
)
async def test_what_ordinary_values_lose_is_said_though_there_are_none(
    database: str, old: str, new: str, value: str
) -> None:
    """Of an empty table as well: the first write would be refused. With rows it is said of them, too."""
    async with _given(database, f"CREATE TABLE t (v {old})") as ours:
        (note,) = await _unfit(ours, type=new)
        assert note.acknowledge
        assert await _unfit(ours, type=new, unfit="accept") == []
        async with ours.transaction() as conn:
            await conn.exec_driver_sql(f"INSERT INTO public.t VALUES ('{value}')")
        _, seen = await _unfit(ours, type=new)
        assert seen.found == "1 of 1 rows: ctid = (0,1)."


async def test_a_large_table_is_sampled_unless_every_row_is_asked_for(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample is one, and says so; --check-rows finds the one row in the last block."""
    monkeypatch.setattr(sample, "BLOCKS", 4)
    given = """
    CREATE TABLE t (id int PRIMARY KEY, v text);
    INSERT INTO t SELECT n, 'none' FROM generate_series(1, 5000) n
    """
    async with _given(database, given) as ours:
        (note,) = await _unfit(ours, type="int")
        assert "rows of a sample: id = " in note.found
        (note,) = await _unfit(ours, type="int", check_rows=True)
        assert note.found.startswith("5000 of 5000 rows: id = 1; id = 2; id = 3, ...")


async def test_a_plan_runs_no_code_of_the_application(database: str) -> None:
    """Whatever it is declared as: a function, an operator, the CHECK of a domain; the plan says so."""
    given = """
    CREATE SEQUENCE s; CREATE FUNCTION f(text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('s'); RETURN $1; END $$;
    CREATE FUNCTION asked(text) RETURNS boolean IMMUTABLE STRICT LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('s'); RETURN true; END $$;
    CREATE OPERATOR @@@@ (RIGHTARG = text, FUNCTION = f); CREATE DOMAIN watched AS text CHECK (asked(VALUE));
    CREATE TABLE t (v text); INSERT INTO t VALUES ('1');
    CREATE TABLE u (v watched); INSERT INTO u VALUES ('1'); SELECT setval('s', 1, false)
    """
    async with _given(database, given) as ours:
        for made in (
            await _compiled(ours, type="int", using="f(v)::int"),
            await _compiled(ours, type="int", using="(@@@@ v)::int"),
            await _compiled(ours, type="varchar(9)", column="u.v"),
        ):
            assert "rows-not-looked-at" in {note.code for note in made.hazards}
        async with ours.transaction() as conn:
            assert (await conn.exec_driver_sql("SELECT is_called FROM public.s")).scalar_one() is False


async def test_rows_that_would_be_too_large_are_found(database: str) -> None:
    """Columns that fill a page: with one more no row could be written, and dual_write would fail each."""
    names = [f"c{n}" for n in range(1013)]
    given = f"""
    CREATE TABLE t (v text, {", ".join(f"{name} bigint" for name in names)});
    INSERT INTO t SELECT 'some text', {", ".join("1" for _ in names)}
    """
    async with _given(database, given) as ours:
        await _compiled(ours, type="text")
        async with ours.transaction() as conn:
            await conn.exec_driver_sql("ALTER TABLE public.t ADD COLUMN more bigint")
            await conn.exec_driver_sql("UPDATE public.t SET more = 1")  # it is not too large by itself
        with pytest.raises(UnsupportedShape, match="row is too big"):
            await _compiled(ours, type="text")
