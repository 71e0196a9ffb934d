"""Attacks by values: conversions that raise, rows that move, statements that name no columns."""

import asyncpg
import pytest

from expandcontract.model.errors import UnsupportedShape, WouldLose
from tests.acceptance.cycle import living
from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(3)

RENAME = ("rename-column", {"column": "public.users.name", "new_name": "display_name"})
USERS = """CREATE TABLE users(id int PRIMARY KEY, name text, email text);
INSERT INTO users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 300) i;"""
PICKY = """CREATE FUNCTION picky(t text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    IF t LIKE 'bad%' THEN RAISE EXCEPTION 'no'; END IF;
    IF t LIKE 'ugly%' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'ZZ001'; END IF;
    RETURN substr(t, 2)::int; END $$;
INSERT INTO users VALUES (1001, 'bad', 'x'), (1002, 'ugly', 'x');"""


async def test_a_conversion_that_raises_fails_no_other_write(database: str) -> None:
    """Whatever a function of the user raises: other columns can be written, the value does not fit."""
    fields = {"column": "public.users.name", "type": "int", "to": "number", "using": "public.picky(name)",
              "back": "'n' || number", "unfit": "record"}  # fmt: skip
    async with scripted(database, "change-type", fields, USERS + PICKY) as life:
        await life.start()
        await life.sql(
            "UPDATE users SET email = 'y' WHERE id > 1000; UPDATE users SET name = 'bad' WHERE id = 1"
        )
        await life.settle()
        assert await life.mismatches() == 3
        await life.sql("UPDATE users SET email = 'z' WHERE id > 1000 OR id = 1")
        assert await life.value("SELECT number FROM users WHERE id = 2") == 2


async def test_a_value_too_deep_to_parse_does_not_fit(database: str) -> None:
    """A limit of the server (54001) is met: a write that brings the value is refused, no other one."""
    fields = {"column": "public.users.name", "type": "jsonb", "to": "document"}
    given = USERS.replace("'n' || i", "'1'") + "INSERT INTO users VALUES (1001, repeat('[', 100000))"
    async with scripted(database, "change-type", fields, given) as life:
        await life.start()
        with pytest.raises(asyncpg.PostgresError) as refused:
            await life.sql("UPDATE users SET name = repeat('[', 100000) WHERE id = 1")
        assert refused.value.sqlstate == "EC320"
        await life.sql("UPDATE users SET email = 'y' WHERE id = 1001")


async def test_a_date_beyond_the_range_of_timestamps(database: str) -> None:
    """Not every date is a timestamp: the cast is not taken for one that cannot fail."""
    fields = {"column": "public.users.day", "type": "timestamp", "to": "moment", "unfit": "record"}
    given = "CREATE TABLE users(id int PRIMARY KEY, day date, email text);"
    given += "INSERT INTO users VALUES (1, '5000000-01-01')"
    async with scripted(database, "change-type", fields, given) as life:
        await life.start()
        await life.sql("UPDATE users SET email = 'y'; UPDATE users SET day = '2024-02-29' WHERE id = 1")
        assert await life.value("SELECT moment::text FROM users") == "2024-02-29 00:00:00"


async def test_a_row_that_moves_in_another_time_zone_keeps_both_sides(database: str) -> None:
    """The move is an INSERT with both given: old is not written from new where back reads the session."""
    given = """CREATE TABLE events(id int, part int, at timestamp, PRIMARY KEY (id, part))
    PARTITION BY LIST (part);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
    CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
    INSERT INTO events VALUES (1, 1, '2024-01-01 12:00')"""
    fields = {"column": "public.events.at", "type": "timestamptz", "to": "moment"}
    async with scripted(database, "change-type", fields, given) as life:
        await life.ready()
        before = await life.rows("SELECT at, moment FROM events")
        await life.sql("SET timezone = 'Asia/Tokyo'; UPDATE events SET part = 2")
        assert await life.rows("SELECT at, moment FROM events") == before
        await life.sql("UPDATE events SET at = '2024-02-02', moment = '2020-01-01 00:00Z'")
        assert await life.value("SELECT at::text FROM events") == "2024-02-02 00:00:00"


async def test_an_insert_without_columns_after_contract(database: str) -> None:
    """Its value meets the hidden column's place: it reaches the new side all the same, a default or not."""
    given = USERS + "ALTER TABLE users ALTER name SET DEFAULT 'anonymous'"
    async with scripted(database, *RENAME, given) as life:
        await life.ready()
        await life.contract()
        await life.sql(
            "INSERT INTO users VALUES (1000, 'by place', 'x'); INSERT INTO users(id) VALUES (1001)"
        )
        found = await life.rows("SELECT display_name FROM users WHERE id >= 1000 ORDER BY id")
        assert found == [("by place",), ("anonymous",)]
        await life.undo()
        assert await life.rows("SELECT name FROM users WHERE id >= 1000 ORDER BY id") == found


async def test_a_domain_that_takes_no_null_cannot_be_hidden(database: str) -> None:
    """A write of new code that it cannot hold would fail: refused at the start."""
    fields = {"column": "public.users.id_text", "type": "text", "to": "other"}
    given = "CREATE DOMAIN d AS int NOT NULL; CREATE TABLE users(id int PRIMARY KEY, id_text d)"
    async with living(database, "change-type", fields, given) as life:
        with pytest.raises(UnsupportedShape):
            await life.start()


async def test_undo_when_the_old_side_cannot_be_unique_any_more(database: str) -> None:
    """'007' and '7' are two values for new code and one for old: undo names it, and goes on when mended."""
    fields = {"column": "public.users.name", "type": "text", "to": "code"}
    given = "CREATE TABLE users(id int PRIMARY KEY, name int UNIQUE);"
    given += "INSERT INTO users SELECT i, i FROM generate_series(1, 9) i"
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        await life.contract()
        await life.sql("UPDATE users SET code = '007' WHERE id = 1")
        with pytest.raises(WouldLose, match="2 rows") as failed:
            await life.undo()
        assert "id=1" in failed.value.why
        assert "id=7" in failed.value.why
        await life.sql("UPDATE users SET code = '1007' WHERE id = 1")
        await life.undo()
        assert await life.value("SELECT name FROM users WHERE id = 1") == 1007
