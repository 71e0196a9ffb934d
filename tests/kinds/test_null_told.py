"""Who gives NULL to the new side, and who gives nothing: told by a default that notes that it was used."""

import asyncpg
import pytest

from expandcontract.model.phases import Section
from expandcontract.model.step import Sweep
from tests.acceptance.script import Script, scripted
from tests.kinds.parity_of_new_rules import must_fail

pytestmark = pytest.mark.in_turn(2)
USERS = """CREATE TABLE users (id int, name text NOT NULL, region text, PRIMARY KEY (id, region))
    PARTITION BY LIST (region);
    CREATE TABLE north PARTITION OF users FOR VALUES IN ('n');
    CREATE TABLE south PARTITION OF users FOR VALUES IN ('s');
    CREATE VIEW shown AS SELECT id, name, region FROM users;
    CREATE TABLE staged (id int, name text, region text);
    INSERT INTO staged VALUES (20, 'one', 'n'), (21, 'two', 's')"""
NICKED = {
    "column": "users.name",
    "to": "nick",
    "using": "nullif(name, 'X')",
    "back": "coalesce(nick, 'X')",
    "without": ["not null"],
}


async def _held(life: Script) -> list[tuple[object, ...]]:
    return await life.rows("SELECT id, name, nick FROM users ORDER BY id")


async def test_each_way_in_which_a_row_comes(database: str) -> None:
    """By VALUES of several rows, from a query, by COPY, through a view, as an upsert, to a partition, within
    a trigger: NULL that is given is new code's, and what is left out is old code's.
    """
    given = f"""{USERS}; CREATE TABLE asked (nick text);
        CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO users(id, region, nick) VALUES (30, 's', NULL);
            INSERT INTO users(id, region, name) VALUES (31, 's', 'told'); RETURN NEW; END $$;
        CREATE TRIGGER also BEFORE INSERT ON asked FOR EACH ROW EXECUTE FUNCTION also()"""
    async with scripted(database, "transform-column", NICKED, given) as life:
        assert {"null-told", "left-behind"} <= {note.code for note in life.planned.hazards}
        await life.ready()
        await life.sql("INSERT INTO users VALUES (1, DEFAULT, 'n', NULL), (2, 'ann', 'n', DEFAULT)")
        await must_fail(
            life, "INSERT INTO users VALUES (3, DEFAULT, 'n', NULL), (4, DEFAULT, 's', DEFAULT)",
            asyncpg.NotNullViolationError,
        )  # fmt: skip
        await life.sql("INSERT INTO users(id, name, region) SELECT * FROM staged ORDER BY name")
        await life.sql("INSERT INTO users(id, region, nick) SELECT id + 2, region, NULL FROM staged")
        for columns, record in (
            (["id", "region", "nick"], (5, "s", None)),
            (["id", "name", "region"], (6, "bob", "s")),
        ):
            await life.app.copy_records_to_table("users", records=[record], columns=columns)
        await life.sql("INSERT INTO shown VALUES (7, 'seen', 'n')")
        await must_fail(life, "INSERT INTO shown VALUES (8, NULL, 'n')", asyncpg.NotNullViolationError)
        await must_fail(life, "INSERT INTO south(id, region) VALUES (8, 's')", asyncpg.NotNullViolationError)
        await life.sql(
            "INSERT INTO south(id, region, nick) VALUES (8, 's', NULL); INSERT INTO asked VALUES ('x')"
        )
        upsert = "INSERT INTO users(id, region, nick) VALUES (2, 'n', NULL) ON CONFLICT (id, region)"
        await life.sql(f"{upsert} DO NOTHING; UPDATE users SET region = 's' WHERE id IN (1, 2)")
        assert await _held(life) == [
            (1, "X", None),
            (2, "ann", "ann"),
            (5, "X", None),
            (6, "bob", "bob"),
            (7, "seen", "seen"),
            (8, "X", None),
            (20, "one", "one"),
            (21, "two", "two"),
            (22, "X", None),
            (23, "X", None),
            (30, "X", None),
            (31, "told", "told"),
        ]
        await life.sql(
            "UPDATE users SET nick = NULL WHERE id = 2; UPDATE users SET nick = DEFAULT WHERE id = 6"
        )
        assert await life.value("SELECT count(*) FROM users WHERE name = 'X' AND nick IS NULL") == 8
        await life.verify()
        # What the copy of a repair would write is nothing: no such row counts as unfilled.
        (copy,) = (step for step in life.planned.steps(Section.BACKFILL) if isinstance(step.action, Sweep))
        before = await life.rows("SELECT tableoid, ctid FROM users ORDER BY 1, 2")
        await life.step(copy)
        assert await life.rows("SELECT tableoid, ctid FROM users ORDER BY 1, 2") == before
        assert await life.conflicts() == []


async def test_where_the_default_is_gone_nobody_is_taken_for_new_code(database: str) -> None:
    """Somebody takes it off the table, or off a partition that is written by itself: what gives nothing is
    old code's, and refused as before.
    """
    async with scripted(database, "transform-column", NICKED, USERS) as life:
        await life.ready()
        for table in ("south", "users"):
            await life.sql(f"ALTER TABLE {table} ALTER nick DROP DEFAULT")
            insert = f"INSERT INTO {table}(id, region) VALUES (1, 's')"
            await must_fail(life, insert, asyncpg.NotNullViolationError)
            await life.sql(f"INSERT INTO {table}(id, name, region) VALUES (1, 'a', 's'); DELETE FROM users")
        assert await life.conflicts() == []


@pytest.mark.parametrize("type_", ["varchar(10)", 'text COLLATE "C"'])
async def test_who_gives_both_sides_means_the_new_one(database: str, type_: str) -> None:
    """The default that tells is not taken for one that came later, whatever the type: an INSERT of both sides
    that do not agree is new code's, and what lost is kept.
    """
    given = f"CREATE TABLE users (id int PRIMARY KEY, name {type_} NOT NULL)"
    async with scripted(database, "transform-column", NICKED, given) as life:
        await life.ready()
        await life.sql("INSERT INTO users VALUES (1, 'old', 'new'), (2, 'same', 'same'), (3, 'old', NULL)")
        assert await _held(life) == [(1, "new", "new"), (2, "same", "same"), (3, "old", "old")]
        assert await life.conflicts() == [("both written", "old", "new")]


async def test_another_trigger_gives_the_value(database: str) -> None:
    """A trigger of the table that gives old code's rows a name, where they come without one, goes on."""
    given = """CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
        CREATE FUNCTION named() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.name := coalesce(NEW.name, 'somebody'); RETURN NEW; END $$;
        CREATE TRIGGER named BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION named()"""
    async with scripted(database, "transform-column", NICKED, given) as life:
        await life.ready()
        await life.sql(
            "INSERT INTO users(id) VALUES (1); INSERT INTO users(id, nick) VALUES (2, NULL), (3, 'c')"
        )
        assert await _held(life) == [(1, "somebody", "somebody"), (2, "X", None), (3, "c", "c")]
        await life.verify()
