"""Columns that are called like words of PL/pgSQL: not all are reserved in SQL, and the server writes these
without quotes.
"""

from typing import Any

import pytest

from tests.acceptance.script import scripted

pytestmark = pytest.mark.in_turn(2)

WORDS = ("begin", "by", "declare", "execute", "foreach", "if", "loop", "strict", "while")
GIVEN = f"""CREATE TABLE t (id integer PRIMARY KEY, {", ".join(f'"{word}" integer' for word in WORDS)});
INSERT INTO t SELECT n, {", ".join(["n"] * len(WORDS))} FROM generate_series(1, 3) n"""


@pytest.mark.parametrize("word", WORDS)
async def test_both_versions_write(database: str, word: str) -> None:
    """Nothing is noted, and each sees what the other wrote, before contract and after it."""
    fields: dict[str, Any] = {
        "column": f't."{word}"',
        "to": "made",
        "using": f'"{word}" * 2',
        "back": "made / 2",
    }
    async with scripted(database, "transform-column", fields | {"check": ["made > 0"]}, GIVEN) as script:
        await script.ready()
        await script.sql(
            f'INSERT INTO t (id, "{word}") VALUES (4, 4); INSERT INTO t (id, made) VALUES (5, 10)'
        )
        await script.sql(f'UPDATE t SET "{word}" = 7 WHERE id = 1; UPDATE t SET made = 6 WHERE id = 2')
        assert await script.rows(f'SELECT "{word}", made FROM t ORDER BY id') == [
            (7, 14),
            (3, 6),
            (3, 6),
            (4, 8),
            (5, 10),
        ]
        await script.verify()
        await script.contract()
        await script.sql("UPDATE t SET made = 20 WHERE id = 3")
        assert await script.value(f'SELECT "~ec_{word}" FROM t WHERE id = 3') == 10
        await script.undo()
        assert await script.conflicts() == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("set-not-null", {"column": 't."by"', "fill": '"if" + 1'}),
        ("drop-column", {"column": 't."by"', "fill": '"if" + 1'}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_row_without_a_value_is_given_one(database: str, kind: str, fields: dict[str, Any]) -> None:
    """By a trigger that names the column, and those that its expression names."""
    async with scripted(database, kind, fields, GIVEN) as script:
        await script.ready()
        await script.sql('INSERT INTO t (id, "if") VALUES (4, 8)')
        assert await script.value('SELECT "by" FROM t WHERE id = 4') == 9
