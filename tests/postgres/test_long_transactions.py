"""Old code that writes for a long time in one transaction is seen by its last write, not by its first."""

import asyncpg

from expandcontract.model.change import Change
from expandcontract.model.phases import Section
from tests.postgres.scripted import compiled, run

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'a');
"""


async def test_each_time_that_old_code_writes_counts_within_one_transaction(database: str) -> None:
    """A session is noted once a minute, in one long transaction as well. The minute is a millisecond here."""
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(GIVEN)
        change = Change("0001_rename", "rename-column", {"column": "users.name", "new_name": "label"})
        plan = await compiled(database, change)
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE)
        query = "SELECT pg_get_functiondef(tgfoid) FROM pg_trigger WHERE tgname LIKE '~ec%'"
        body = await conn.fetchval(query)
        assert "HH24MI'" in body
        await conn.execute(body.replace("HH24MI'", "HH24MISSMS'"))
        # What is called when it notes, without a ledger that knows of the change.
        await conn.execute(
            """
            CREATE TABLE noted (at timestamptz DEFAULT clock_timestamp());
            CREATE OR REPLACE FUNCTION expandcontract_sync.note_use(change text, side text, role name)
            RETURNS void LANGUAGE sql AS $$ INSERT INTO public.noted DEFAULT VALUES $$;
            """
        )
        async with conn.transaction():
            for value in ("b", "c"):
                await conn.execute("UPDATE users SET name = $1", value)
                await conn.execute("SELECT pg_sleep(0.002)")
        assert await conn.fetchval("SELECT count(*) FROM noted") == 2
    finally:
        await conn.close()
