"""What goes on with the old side after contract, by its number, and writes it."""

from typing import Any

import pytest

from tests.acceptance.script import scripted

GIVEN = """
CREATE TABLE users (id integer PRIMARY KEY, fax integer, seen integer);
CREATE TABLE log (id integer, fax integer);
INSERT INTO users SELECT n, n, n FROM generate_series(1, 10) n;
CREATE VIEW known AS SELECT id, fax FROM users;
CREATE RULE through AS ON INSERT TO log DO ALSO UPDATE known SET fax = NEW.fax WHERE id = NEW.id;
"""
TO_TEXT = {"column": "users.fax", "type": "text", "to": "telefax"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename-column", {"column": "users.fax", "new_name": "telefax"}),
        ("change-type", TO_TEXT),
        ("change-type", {"column": "users.fax", "type": "bigint", "swap": True}),
        (
            "change-type",
            TO_TEXT | {"using": "format('%s', fax)", "back": "to_number(telefax, '99999')::integer"},
        ),
    ],
    ids=["rename", "type", "swap", "fill"],
)
async def test_what_is_written_through_a_view_is_not_lost(
    database: str, kind: str, fields: dict[str, Any]
) -> None:
    """Through a view, or a rule that stands on one: new code sees it, and so does old code after undo."""
    async with scripted(database, kind, fields, GIVEN) as script:
        await script.ready()
        await script.contract()
        new = "fax" if fields.get("swap") else "telefax"
        await script.sql("""UPDATE known SET fax = 700 WHERE id = 7; INSERT INTO known VALUES (90, 900);
            INSERT INTO log VALUES (8, 800); UPDATE users SET seen = 0""")
        query = "SELECT {0}::integer FROM users WHERE id IN (6, 7, 8, 90) ORDER BY id"
        found = [(6,), (700,), (800,), (900,)]
        assert await script.rows(query.format(new)) == found
        await script.sql(f"UPDATE users SET {new} = '701' WHERE id = 7")
        assert await script.rows("SELECT fax FROM known WHERE id = 7") == [(701,)]
        await script.undo()
        assert await script.rows(query.format("fax")) == [(6,), (701,), (800,), (900,)]


async def test_what_the_new_side_cannot_hold_does_not_empty_it(database: str) -> None:
    """It stays on the hidden side alone, and is noted."""
    given = """CREATE TABLE users (id integer PRIMARY KEY, fax text); INSERT INTO users VALUES (7, '7');
        CREATE VIEW known AS SELECT id, fax FROM users"""
    fields = {"column": "users.fax", "type": "integer", "to": "number"}
    async with scripted(database, "change-type", fields, given) as script:
        await script.ready()
        await script.contract()
        await script.sql("UPDATE known SET fax = 'none' WHERE id = 7")
        assert await script.rows("SELECT number FROM users") == [(7,)]
        await script.sql("INSERT INTO known VALUES (8, 'nothing'); UPDATE known SET fax = '08' WHERE id = 8")
        assert await script.rows("SELECT number FROM users ORDER BY id") == [(7,), (8,)]
        noted = [("does not fit", value, None) for value in ("none", "nothing", "08")]
        assert await script.conflicts() == noted
