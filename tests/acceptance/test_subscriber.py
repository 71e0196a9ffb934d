"""On a subscriber: what the apply worker writes is kept in sync, and noted once a minute."""

import asyncpg
import pytest

from expandcontract.testing.server import Server
from tests.acceptance.script import scripted
from tests.conftest import SETTINGS, VERSION
from tests.waiting import until

_GIVEN = "CREATE TABLE t (id int PRIMARY KEY, name text)"
_ROWS = 3_000
_WHERE = "SELECT current_setting('unix_socket_directories')"
_WRITE = f"""DO $$ BEGIN
    FOR i IN 1..{_ROWS} LOOP INSERT INTO t (id, name) VALUES (i, i); COMMIT; END LOOP;
END $$"""


@pytest.mark.parametrize(
    "owner", ["", "; CREATE ROLE {0}; ALTER TABLE t OWNER TO {0}"], ids=["own", "others"]
)
async def test_the_apply_worker_notes_once_a_minute_and_not_each_row(database: str, owner: str) -> None:
    """Between its rows PostgreSQL gives the settings back that a trigger made, where it writes as the table's
    owner: 3,000 rows in as many transactions are fewer than 50 notes, and each is in sync.
    """
    role = "subscriber_of_t"
    with Server.start(VERSION, SETTINGS) as publishing:
        async with scripted(
            database, "rename-column", {"column": "t.name", "new_name": "label"}, _GIVEN + owner.format(role)
        ) as life:
            source = await asyncpg.connect(publishing.url())
            await source.execute(f"{_GIVEN}; CREATE PUBLICATION p FOR TABLE t")
            await life.ready()
            await life.sql(
                f"CREATE SUBSCRIPTION s CONNECTION 'host={await source.fetchval(_WHERE)} "
                f"port={await source.fetchval('SHOW port')} user=postgres dbname=postgres' PUBLICATION p"
            )
            try:
                await source.execute(_WRITE)
                await until(lambda: life.value(f"SELECT count(*) = {_ROWS} FROM t"))
                assert await life.value("SELECT count(*) FROM t WHERE name IS DISTINCT FROM label") == 0
                assert 0 < await life.value("SELECT count(*) FROM expandcontract.old_use") < 50
            finally:
                await life.sql("DROP SUBSCRIPTION s")
                await source.close()
                if owner:
                    await life.sql(f"ALTER TABLE t OWNER TO postgres; DROP OWNED BY {role}; DROP ROLE {role}")
