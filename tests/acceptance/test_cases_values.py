"""V3, A2: in sync means identical. Values that are equal but not the same, and values without any `=`."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import pytest

from tests.acceptance.script import Script, scripted


@dataclass(frozen=True)
class Type:
    """A type with values, as SQL, that no comparison may confuse. `needs` is run first; where it fails,
    the server lacks the type.
    """

    sql: str
    values: Sequence[str]
    needs: str = ""

    @property
    def bare(self) -> str:
        return self.sql.partition(" COLLATE")[0]


GROUPS = {
    "numbers": (
        Type("numeric", ("1.0", "1.00", "0", "'NaN'", "'-0.0'")),
        Type("float8", ("'0.0'", "'-0.0'", "'NaN'", "'Infinity'")),
        Type("float4", ("'0.0'", "'-0.0'")),
        Type("money", ("1", "2")),
        Type("bit(3)", ("B'101'", "B'010'")),
    ),
    "texts": (
        Type("text", ("''", "' '", "'a'", "'A'")),
        Type("char(5)", ("'a'", "'b    '", "''")),
        Type('varchar(3) COLLATE "C"', ("''", "'a'", "'a '")),
        Type("citext", ("'a'", "'A'"), "CREATE EXTENSION citext"),
        Type(
            "text COLLATE nocase",
            ("'a'", "'A'", "'\u00e4'"),
            "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        ),
        Type("bytea", ("'\\x'", "'\\x00'", "'\\x0001'")),
    ),
    "times": (
        Type("interval", ("'30 days'", "'1 month'", "'720 hours'", "'0'")),
        Type(
            "timestamptz",
            ("'2025-10-26 02:30+02'", "'2025-10-26 02:30+01'", "'infinity'", "'2025-03-30 02:30+01'"),
        ),
        Type("timetz", ("'10:00+00'", "'11:00+01'")),
        Type("timestamp(0)", ("'2025-10-26 02:30'", "'-infinity'")),
    ),
    "documents": (
        Type("json", ("'{}'", "'{ }'", "'{\"a\":1}'", "'null'")),
        Type("jsonb", ("'1.0'", "'1.00'", "'null'", "'[null]'")),
        Type("xml", ("'<a/>'", "'<a></a>'"), "SELECT '<a/>'::xml"),
        Type("hstore", ("'a=>NULL'", "''"), "CREATE EXTENSION hstore"),
        Type("tsvector", ("'a:1'", "'a'")),
    ),
    "shapes": (
        Type("point", ("'(0,0)'", "'(0,-0)'", "'(1,2)'")),
        Type("box", ("'(0,0),(1,4)'", "'(0,0),(2,2)'")),
        Type("circle", ("'<(0,0),1>'", "'<(1,1),1>'")),
        Type("int4range", ("'[1,2)'", "'empty'", "'(,)'")),
        Type("inet", ("'10.0.0.1'", "'10.0.0.1/8'")),
    ),
    "compounds": (
        Type("int[]", ("'{}'", "'{NULL}'", "'{1,NULL}'", "'[0:1]={1,NULL}'")),
        Type("numeric[]", ("'{1.0}'", "'{1.00}'")),
        Type("short", ("'a'", "''"), "CREATE DOMAIN short AS varchar(3)"),
        Type("pair", ("'(1.0,a)'", "'(1.00,a)'", "'(,)'"), "CREATE TYPE pair AS (n numeric, t text)"),
        Type("mood", ("'sad'", "'glad'"), "CREATE TYPE mood AS ENUM ('sad', 'glad')"),
        Type("uuid", ("'00000000-0000-0000-0000-000000000000'", "gen_random_uuid()")),
    ),
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("types", GROUPS.values(), ids=GROUPS)
async def test_no_false_and_no_missed_mismatch(database: str, types: Sequence[Type]) -> None:
    """Every value, NULL among them, is copied, synchronised both ways, and compared as what it is."""
    checked = 0
    for number, type_ in enumerate(types):
        table = f"t{number}"
        if await _has(database, type_):
            values = [*(f"{value}::{type_.bare}" for value in type_.values), "NULL"]
            rows = ", ".join(f"({i}, {value})" for i, value in enumerate(values))
            given = f"CREATE TABLE {table}(id int, old {type_.sql}); INSERT INTO {table} VALUES {rows}"
            fields = {"column": f"{table}.old", "new_name": "new"}
            async with scripted(database, "rename-column", fields, given) as life:
                await _check(life, table, values)
            checked += 1
    assert checked >= len(types) - 2


async def _has(database: str, type_: Type) -> bool:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(type_.needs or "SELECT")
    except (
        asyncpg.FeatureNotSupportedError,
        asyncpg.UndefinedFileError,
        asyncpg.ObjectNotInPrerequisiteStateError,
    ):
        return False
    finally:
        await connection.close()
    return True


async def _check(life: Script, table: str, values: Sequence[str]) -> None:
    await life.ready()
    for side in ("old", "new"):
        await _rotate(life, table, side, values)
        assert await _different(life, table) == []
    await life.verify()
    await _swap_unseen(life, table, values)
    wrong = await _different(life, table)
    assert len(wrong) == len(values)
    assert await life.mismatches() == len(values)


async def _rotate(life: Script, table: str, side: str, values: Sequence[str]) -> None:
    """Through one side, give every row every value, so that each change from one to another one happens."""
    for shift in range(1, len(values) + 1):
        for i in range(len(values)):
            value = values[(i + shift) % len(values)]
            await life.sql(f"UPDATE {table} SET {side} = {value} WHERE id = {i}")
        assert await _different(life, table) == []


async def _swap_unseen(life: Script, table: str, values: Sequence[str]) -> None:
    """Past the trigger, give the new side of every row another value than the old one's, equal ones among
    them.
    """
    trigger = f'"~ec_{life.name}"'
    await life.sql(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    for i in range(len(values)):
        await life.sql(f"UPDATE {table} SET old = {values[i]}, new = {values[i - 1]} WHERE id = {i}")
    await life.sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


async def _different(life: Script, table: str) -> list[int]:
    """Return the rows whose sides differ in a single bit of what the server sends."""
    rows = await life.rows(
        f"SELECT id FROM {table} WHERE NOT record_image_eq(ROW(old), ROW(new)) ORDER BY id"
    )
    return [row[0] for row in rows]


A2 = {
    "interval": ("interval", "interval(6)", "'30 days'", "'1 month'"),
    "numeric": ("numeric", "exact", "1.0", "1.00"),
    "jsonb": ("jsonb", "document", "'1.0'", "'1.00'"),
    "float": ("float8", "floating", "'0.0'", "'-0.0'"),
    "box": ("box", "area", "'(0,0),(1,4)'", "'(0,0),(2,2)'"),
}
_DOMAINS = """
CREATE DOMAIN exact AS numeric; CREATE DOMAIN document AS jsonb; CREATE DOMAIN floating AS float8;
    CREATE DOMAIN area AS box;
CREATE TABLE t(id int PRIMARY KEY, old {0});
INSERT INTO t VALUES (1, {1})
"""


@pytest.mark.parametrize("case", A2.values(), ids=A2)
async def test_a_change_to_an_equal_value_reaches_a_side_of_another_type(
    database: str, case: tuple[str, str, str, str]
) -> None:
    """A2: OLD writes what `=` takes for the same; the new side has exactly that."""
    old, new, first, second = case
    fields = {"column": "t.old", "type": new, "to": "new"}
    async with scripted(database, "change-type", fields, _DOMAINS.format(old, first)) as life:
        await life.ready()
        await life.sql(f"UPDATE t SET old = {second}")
        assert await life.value("SELECT record_image_eq(ROW(old), ROW(new::" + old + ")) FROM t")
        assert await life.value("SELECT new::text FROM t") == await life.value("SELECT old::text FROM t")
        await life.sql(f"UPDATE t SET new = {first}")
        assert await life.value("SELECT record_image_eq(ROW(old), ROW(" + f"{first}::{old})) FROM t")
        await life.verify()
