"""What sessions note in a database that was restored from a dump, before any verb looked at it."""

import asyncpg

from tests.acceptance.script import scripted

_RENAME = {"column": "public.users.name", "new_name": "handle"}
_GIVEN = """CREATE TABLE public.users(id int PRIMARY KEY, name text);
CREATE TABLE public.another(id int); INSERT INTO users VALUES (1, 'a')"""
#: As after a dump: the number that the ledger has is another table's.
_RESTORED = """SET session_replication_role = replica;
ALTER TABLE expandcontract.change DISABLE TRIGGER ALL; ALTER TABLE expandcontract.site DISABLE TRIGGER ALL;
UPDATE expandcontract.change SET relation = 'public.another'::regclass;
UPDATE expandcontract.site SET relation = 'public.another'::regclass;
ALTER TABLE expandcontract.change ENABLE TRIGGER ALL; ALTER TABLE expandcontract.site ENABLE TRIGGER ALL;
SET session_replication_role = origin"""


async def test_old_writers_are_seen_before_any_verb_looked_at_the_copy(database: str) -> None:
    """Or the gate that asks for them would open on a silence in which nothing could be noted."""
    async with scripted(database, "rename-column", _RENAME, _GIVEN) as script:
        await script.start()
        await script.settle()
        await script.sql(f"{_RESTORED}; CREATE ROLE clerk LOGIN; GRANT SELECT, UPDATE ON users TO clerk")
        try:
            conn = await asyncpg.connect(database.replace("//postgres@", "//clerk@", 1))
            await conn.execute("UPDATE users SET name = 'old code' WHERE id = 1")
            await conn.close()
            assert await script.rows("SELECT side, role FROM expandcontract.old_use") == [("old", "clerk")]
        finally:
            await script.sql("DROP OWNED BY clerk; DROP ROLE clerk")
