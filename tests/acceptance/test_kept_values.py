"""What a rollback keeps as text comes back as the very value, whatever its type and the writer's settings."""

import asyncpg
import pytest

from expandcontract.engine.verbs import restore
from expandcontract.model.step import Purpose, Sweep
from expandcontract.sweep import statements
from tests.acceptance.cycle import living
from tests.acceptance.test_rollback_keeps import _stopped

#: How an application may have its values shown.
_HOSTILE = (
    "SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Kathmandu';"
    "SET bytea_output = 'escape'; SET extra_float_digits = -10"
)
_IMAGES = "SELECT encode(record_send(ROW(handle)), 'hex') FROM users"
_KEPT = "SELECT count(*) FROM expandcontract.conflict"
_VALUES = {
    "bpchar": ("'a  '", "''", "'   '"),
    "char(4)": ("'a'", "'a b'"),
    "bpchar[]": ("'{\"a  \",NULL}'",),
    '"char"': ("'x'", "''"),
    "name": ("'a \"b\"'",),
    "bool": ("true",),
    "float4": ("0.1::float4 / 3", "'NaN'", "'-0'"),
    "float8": ("0.1::float8 + 0.2::float8", "'-Infinity'"),
    "float8[]": ("ARRAY[0.1::float8 + 0.2::float8]", "'[0:0]={1}'"),
    "numeric": ("1.00",),
    "money": ("'1234567.89'",),
    "interval": ("'-1 year 2 days -00:00:03.5'",),
    "date": ("'2025-02-03'", "'infinity'"),
    "timestamptz": ("'2025-10-26 02:30+02'", "'2025-10-26 02:30+01'"),
    "timetz": ("'10:00+05:45'",),
    "timestamptz[]": ("ARRAY['2025-02-03 04:05:06.789+02'::timestamptz]",),
    "tstzrange": ("'[2025-02-03 04:05+02,)'",),
    "bytea": ("'\\x00ff'", "'a\\\\b'"),
    "json": ("'{ }'", "'null'"),
    "jsonb": ("'\"x\"'", "'null'"),
    "inet": ("'10.0.0.1'", "'10.0.0.1/8'"),
    "mood": ("'sad'",),
    "mood[]": ("'{sad,NULL}'",),
    "fixed": ("'a  '",),
    "pair": ('\'("a  ",0.30000000000000004,"2025-02-03 04:05+02")\'', "'(,,)'"),
    "pair[]": ("ARRAY['(\"a  \",,)'::pair]",),
    "shouted": ("'(a)'",),
}
_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN fixed AS bpchar;
CREATE TYPE pair AS (a bpchar, b float8, c timestamptz);
CREATE TYPE shouted AS (a text);
CREATE FUNCTION shout(shouted) RETURNS text IMMUTABLE RETURN upper(($1).a);
CREATE CAST (shouted AS text) WITH FUNCTION shout(shouted);
"""


async def test_the_text_of_a_value_gives_back_that_value(database: str) -> None:
    """As the sweep keeps it and as a write does, for every type whose text has a choice: char loses blanks in
    a cast, and of what a session may have shown otherwise each is shown one way.
    """
    action = Sweep(Purpose.KEEP, "t", "true", key=("id",), old="v", new="v")
    app: asyncpg.Connection = await asyncpg.connect(database)
    try:
        await app.execute(f"{_TYPES}; {_HOSTILE}")
        for type_, values in _VALUES.items():
            for value in (*values, "NULL"):
                kept = statements.kept(action, "expandcontract")
                row = f"(SELECT 1 AS id, ({value})::{type_} AS v) t"
                text = await app.fetchval(f"SELECT k.new FROM (SELECT {kept} FROM {row}) k")
                same = f"SELECT record_image_eq(ROW(($1::text)::{type_}), ROW(v)) FROM {row}"
                shown = "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'"
                await app.execute(f"BEGIN; {shown.replace('SET', 'SET LOCAL')}")
                assert await app.fetchval(same, text), (type_, value, text)
                await app.execute("ROLLBACK")
    finally:
        await app.close()


@pytest.mark.parametrize(
    ("type_", "old", "new", "other"),
    [
        ("bpchar", "'old  '", "'new  '", "'other  '"),
        ("timestamptz", "'2025-10-26 02:30+02'", "'2025-10-26 02:30:00.123456+02'", "'2025-10-27'"),
    ],
    ids=["blanks", "time zone"],
)
async def test_a_kept_value_comes_back_byte_for_byte(
    database: str, type_: str, old: str, new: str, other: str
) -> None:
    """Of a row that the sweep looked at, and of one that is written while the rollback waits: the row is
    found again by its key, and by the old side that the value was kept with.
    """
    given = f"""CREATE TABLE users(id {type_} PRIMARY KEY, name {type_});
        INSERT INTO users VALUES ({old}, {old}), ({new}, {old})"""
    fields = {"column": "users.name", "type": type_, "to": "handle", "using": "name"}
    back = f"CASE WHEN handle IS NOT NULL THEN ({old})::{type_} END"
    async with living(database, "change-type", {**fields, "back": back}, given) as life:
        await life.ready()
        await life.sql(_HOSTILE)
        await life.sql(f"UPDATE users SET handle = {new} WHERE id = {old}")
        await life.sql(f"UPDATE users SET handle = {other} WHERE id = {new}")
        (image,) = await life.rows(f"{_IMAGES} WHERE id = {old}")
        await _stopped(life)
        assert await life.value(f"{_KEPT} WHERE kind = 'kept'") == 2
        await life.sql(f"UPDATE users SET handle = {new} WHERE id = {new}")
        await life.rollback()
        await life.ready()
        given_back = await restore.restore(life.context, life.name)
        assert (given_back.written, given_back.refused) == (2, 0)
        assert await life.rows(_IMAGES) == [image] * 2
