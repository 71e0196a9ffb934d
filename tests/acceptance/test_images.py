"""One value may have several images: nothing is refused, copied again or called a mismatch for that."""

import pytest

from tests.acceptance.cycle import Fields
from tests.acceptance.script import scripted

_GIVEN = "CREATE TABLE t (id int PRIMARY KEY, a {type}); INSERT INTO t VALUES (1, {value})"
#: An array in which a NULL was replaced keeps the room for it, which no array has that a cast made; of a
#: difference of infinities NaN has another sign than of the word.
_REPLACED = "array_replace('{1,NULL}'::%s, NULL, '5')"
_NAN = "'Infinity'::float8 - 'Infinity'::float8"


def _change(type_: str) -> Fields:
    return {"column": "t.a", "type": type_, "to": "b"}


@pytest.mark.parametrize(
    ("old", "new", "written", "back"),
    [
        ("int[]", "bigint[]", _REPLACED % "int[]", _REPLACED % "bigint[]"),
        ("text[]", "varchar(3)[]", _REPLACED % "text[]", _REPLACED % "text[]"),
        ("double precision", "numeric", _NAN, "'NaN'"),
    ],
)
async def test_a_value_that_looks_the_same_fits(
    database: str, old: str, new: str, written: str, back: str
) -> None:
    """Rows from before, writes of old code and of new code; and a change that is one is seen."""
    given = _GIVEN.format(type=old, value=written)
    async with scripted(database, "change-type", _change(new), given) as change:
        await change.ready()
        value = await change.value("SELECT b::text FROM t")
        await change.sql(f"UPDATE t SET a = NULL; UPDATE t SET a = {written}")
        assert await change.rows("SELECT a::text, b::text FROM t") == [(value, value)]
        await change.sql(f"INSERT INTO t (id, b) VALUES (2, {back}), (3, NULL)")
        assert await change.rows("SELECT a::text, b::text FROM t WHERE id > 1 ORDER BY id") == [
            (value, value),
            (None, None),
        ]
        assert await change.mismatches() == 0
        assert await change.conflicts() == []


_USERS = """CREATE TYPE digit AS ENUM ('1', '5'); CREATE TYPE pair AS (a text, b text);
CREATE TABLE t (id int PRIMARY KEY, a {type}); INSERT INTO t VALUES (1, '{first}'), (2, '{first}')"""


@pytest.mark.parametrize(
    ("old", "new", "first", "element"),
    [
        ("int[]", "bigint[]", "{1,NULL}", "5"),
        ("digit[]", "text[]", "{1,NULL}", "5"),
        ("text[]", "digit[]", "{1,NULL}", "5"),
        ("pair[]", "text[]", '{"(1,)",NULL}', "(5,)"),
    ],
)
async def test_an_element_that_was_assigned_fits(
    database: str, old: str, new: str, first: str, element: str
) -> None:
    """In rows from before and in writes of both sides, whoever made the type of the elements."""
    async with scripted(
        database, "change-type", _change(new), _USERS.format(type=old, first=first)
    ) as change:
        await change.sql(f"UPDATE t SET a[2] = '{element}' WHERE id = 1")
        await change.ready()
        await change.sql(f"UPDATE t SET a[2] = '{element}' WHERE id = 2")
        await change.sql(f"INSERT INTO t (id, b) VALUES (3, '{first}')")
        await change.sql(f"UPDATE t SET b[2] = '{element}' WHERE id = 3")
        assert await change.rows("SELECT DISTINCT a::text, b::text FROM t") == [
            (await change.value("SELECT a::text FROM t WHERE id = 1"),) * 2
        ]
        assert await change.mismatches() == 0
        assert await change.conflicts() == []


async def test_what_is_another_value_is_seen(database: str) -> None:
    """In another order, with a NULL, with other bounds, or none at all."""
    given = "CREATE TABLE t (id int PRIMARY KEY, a int[]); INSERT INTO t VALUES (1, '{1,2}')"
    async with scripted(database, "change-type", _change("bigint[]"), given) as change:
        await change.ready()
        for value in ("{2,1}", "{1,NULL}", "[0:1]={1,2}", "{{1},{2}}", "{}", "{1}"):
            await change.sql(f"UPDATE t SET a = '{value}'")
            assert await change.value("SELECT b::text FROM t") == value
            await change.sql(f"UPDATE t SET a = '{{9}}'; UPDATE t SET b = '{value}'")
            assert await change.value("SELECT a::text FROM t") == value
        assert await change.mismatches() == 0
