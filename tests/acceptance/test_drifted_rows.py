"""Rows whose sides drifted apart while nothing kept them in sync, and what the next write makes of them."""

import pytest

from tests.acceptance.script import scripted

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, other int);
INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, 3) i
"""
CHANGES = {
    "rename-column": {"column": "users.name", "new_name": "handle"},
    "change-type": {
        "column": "users.name",
        "type": "text",
        "to": "handle",
        "using": "name || '!'",
        "back": "left(handle, -1)",
    },
}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("ready", [False, True], ids=["until ready", "from ready on"])
async def test_a_write_of_another_column_keeps_what_it_overwrites(
    database: str, kind: str, *, ready: bool
) -> None:
    """As a repair does. Where nothing had drifted, and where a side is written, nothing is kept."""
    async with scripted(database, kind, CHANGES[kind], GIVEN) as life:
        await (life.ready() if ready else life.start())
        trigger = life.planned.trigger
        await life.sql("UPDATE users SET other = 0")
        await life.sql(f"""BEGIN; ALTER TABLE users DISABLE TRIGGER USER;
            UPDATE users SET handle = 'only new' WHERE id <= 2;
            ALTER TABLE users ENABLE ALWAYS TRIGGER "{trigger}"; COMMIT""")
        await life.sql("UPDATE users SET other = 1 WHERE id IN (1, 3)")
        await life.sql("UPDATE users SET name = 'old' WHERE id = 2")
        assert await life.conflicts() == [("overwritten", "name 1", "only new")]
        handle = "name 1" if kind == "rename-column" else "name 1!"
        assert await life.rows("SELECT handle FROM users WHERE id = 1") == [(handle,)]
