"""An INSERT proposes a row, and may give it up for one that is there (ON CONFLICT). What the proposal holds
of a pair is judged when it is stored, and not before.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.acceptance.script import Script, scripted

pytestmark = pytest.mark.in_turn(3)

GIVEN = """
CREATE TABLE parts (id int PRIMARY KEY, code text UNIQUE, size {old}, note text);
INSERT INTO parts (id, code, size) SELECT i, i, i::text::{old} FROM generate_series(1, 4) i
"""
#: A row from before whose value no integer gives back.
ODD = "; INSERT INTO parts (id, code, size) VALUES (5, '5', {odd})"
WATCHING = """;
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.note := coalesce(NEW.note, NEW.size::text); RETURN NEW; END $$;
CREATE TRIGGER look BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION look()
"""
REFUSED = "EC320"
UPSERTS = (
    "ON CONFLICT DO NOTHING",
    "ON CONFLICT (id) DO NOTHING",
    "ON CONFLICT (code) DO UPDATE SET note = 'touched'",
    "ON CONFLICT ON CONSTRAINT parts_pkey DO UPDATE SET note = excluded.note",
    "ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = 'touched'",
)


@asynccontextmanager
async def changed(url: str, to: str, given: str, **more: str) -> AsyncIterator[Script]:
    """Give a change of parts.size to another type and a column of its own."""
    fields = {"column": "parts.size", "type": to, "to": "measure", **more}
    async with scripted(url, "change-type", fields, given) as life:
        await life.start()
        yield life


async def refused(life: Script, write: str) -> None:
    """Require that a write is refused by policy, and leaves nothing."""
    before = await life.rows("SELECT parts::text FROM parts ORDER BY id")
    with pytest.raises(asyncpg.PostgresError) as error:
        await life.sql(write)
    assert error.value.sqlstate == REFUSED, error.value
    assert life.name in str(error.value.hint)
    assert await life.rows("SELECT parts::text FROM parts ORDER BY id") == before


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("more", [{}, {"unfit": "record"}, {"using": "odd(size)"}], ids=str)
@pytest.mark.parametrize("odd", ["'odd'", "'005'"])
@pytest.mark.parametrize("watching", ["", WATCHING], ids=["", "watching"])
async def test_upserts_meet_a_row_that_never_fitted(
    database: str, more: dict[str, str], odd: str, watching: str
) -> None:
    """Old code proposes the row as it has it, and touches another column or nothing: before ready and after
    it each goes through, and nothing is kept for a row that was not stored.
    """
    given = GIVEN.format(old="text") + ODD.format(odd=odd) + watching
    if "using" in more:  # volatile: filled, not compared
        given += """; CREATE FUNCTION odd(text) RETURNS int LANGUAGE plpgsql VOLATILE AS
            $$ BEGIN RETURN $1::int; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$"""
        more = {**more, "back": "measure::text"}
    async with changed(database, "int", given, **more) as life:
        seen = await life.value("SELECT ROW(size, measure) FROM parts WHERE id = 5")
        for _ in range(2):
            for upsert in UPSERTS:
                values = f"(2, '2', '2', 'x'), (5, '5', {odd}, 'x')"
                await life.sql(f"INSERT INTO parts (id, code, size, note) VALUES {values} {upsert}")
            assert await life.value("SELECT size FROM parts WHERE id = 5") == seen[0]
            if await life.value("SELECT count(*) FROM parts WHERE id < 5 AND measure IS NULL"):
                await life.settle()
        assert await life.conflicts() == []
        values = f"(98, '98', '98', 'x'), (5, '5', {odd}, 'x'), (99, '99', {odd}, 'x')"
        write = f"INSERT INTO parts (id, code, size, note) VALUES {values}, (3, '3', {odd}, 'x')"
        if more.get("unfit") == "record":
            await life.sql(f"{write} ON CONFLICT DO NOTHING")
            assert [row[1] for row in await life.conflicts()] == [odd.strip("'")]
        else:
            await refused(life, f"{write} ON CONFLICT DO NOTHING")


async def test_upserts_of_new_code_are_judged_by_the_row_that_is_stored(database: str) -> None:
    """What the old side cannot hold is proposed beside a row that is there: it goes through, or is refused
    when that value is what is written.
    """
    async with changed(database, "text", GIVEN.format(old="int")) as life:
        await life.settle()
        propose = "INSERT INTO parts (id, code, measure) VALUES ({id}, '{id}', 'large') ON CONFLICT (id)"
        await life.sql(propose.format(id=1) + " DO NOTHING")
        await life.sql(propose.format(id=1) + " DO UPDATE SET note = 'touched'")
        await refused(life, propose.format(id=1) + " DO UPDATE SET measure = excluded.measure")
        await refused(life, propose.format(id=99) + " DO NOTHING")
        assert await life.rows("SELECT size, measure, note FROM parts WHERE id = 1") == [(1, "1", "touched")]


async def test_whatever_stores_a_row_is_judged(database: str) -> None:
    """MERGE, COPY, a trigger of the user that writes other rows, and a row after one that was given up."""
    nested = """
    ; CREATE TABLE told (id int PRIMARY KEY, size text);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO parts (id, size) VALUES (NEW.id, NEW.size) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
    CREATE TRIGGER tell AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell()"""
    given = GIVEN.format(old="text") + ODD.format(odd="'odd'") + nested
    async with changed(database, "int", given) as life:
        await refused(
            life,
            "MERGE INTO parts p USING (VALUES (5, 'odd'), (99, 'odd')) AS v (id, size) ON p.id = v.id "
            "WHEN MATCHED THEN UPDATE SET note = 'x' "
            "WHEN NOT MATCHED THEN INSERT (id, size) VALUES (v.id, v.size)",
        )
        await life.sql("INSERT INTO told VALUES (5, 'odd')")
        await refused(life, "INSERT INTO told VALUES (99, 'odd')")
        await life.app.copy_records_to_table("parts", records=[(98, "98")], columns=["id", "size"])
        with pytest.raises(asyncpg.PostgresError, match="does not fit"):
            await life.app.copy_records_to_table("parts", records=[(99, "odd")], columns=["id", "size"])


async def test_a_row_that_never_fitted_moves_after_it_was_proposed(database: str) -> None:
    """A move to another partition is an INSERT there, and no write, whatever was given up before."""
    given = """
    CREATE TABLE parts (id int PRIMARY KEY, size text, note text) PARTITION BY LIST (id);
    CREATE TABLE low PARTITION OF parts FOR VALUES IN (1, 5);
    CREATE TABLE high PARTITION OF parts FOR VALUES IN (95, 99);
    INSERT INTO parts VALUES (1, '1'), (5, 'odd')
    """
    async with changed(database, "int", given) as life:
        await life.sql(
            "BEGIN; INSERT INTO parts (id, size) VALUES (5, 'odd') ON CONFLICT DO NOTHING;"
            "UPDATE parts SET id = 95 WHERE id = 5; COMMIT"
        )
        assert await life.rows("SELECT id, size, measure FROM high") == [(95, "odd", None)]
        await refused(life, "INSERT INTO parts (id, size) VALUES (99, 'odd') ON CONFLICT (id) DO NOTHING")


async def test_without_the_trigger_that_judges_nothing_is_stored_unseen(database: str) -> None:
    """Somebody took it away: what does not fit is refused when it is proposed."""
    async with changed(database, "int", GIVEN.format(old="text")) as life:
        await life.sql(f'DROP TRIGGER "!es_{life.name}" ON parts')
        await refused(life, "INSERT INTO parts (id, size) VALUES (99, 'odd')")


async def test_a_side_that_must_hold_something_refuses_the_proposal_in_our_words(database: str) -> None:
    """PostgreSQL asks NOT NULL before it looks for a row that is there: nothing can let the proposal pass.
    Until contract that is the old side alone.
    """
    given = GIVEN.format(old="int NOT NULL").replace("::text::int NOT NULL", "::text::int")
    async with changed(database, "text", given) as life:
        await life.settle()
        await refused(life, "INSERT INTO parts (id, measure) VALUES (1, 'large') ON CONFLICT DO NOTHING")


async def test_a_side_that_will_have_to_hold_something_lets_the_proposal_pass(database: str) -> None:
    """The new one is NOT NULL from contract on: before and after ready the row that is there stays."""
    given = GIVEN.format(old="text NOT NULL").replace("::text::text NOT NULL", "::text")
    async with changed(database, "int", given) as life:
        await life.sql("INSERT INTO parts (id, size) VALUES (1, 'odd') ON CONFLICT DO NOTHING")
        await life.settle()
        await life.sql("INSERT INTO parts (id, size) VALUES (1, 'odd') ON CONFLICT DO NOTHING")
        await refused(life, "INSERT INTO parts (id, size) VALUES (99, 'odd') ON CONFLICT DO NOTHING")
