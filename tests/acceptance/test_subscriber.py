"""On a subscriber: what the apply worker writes is kept in sync, and noted once a minute."""

from functools import partial

import asyncpg
import pytest

from expandcontract.engine.verbs import doctor
from expandcontract.testing.server import Server
from tests.acceptance.script import Script, scripted
from tests.conftest import SETTINGS, VERSION
from tests.waiting import until

_GIVEN = "CREATE TABLE t (id int PRIMARY KEY, name text)"
_ROWS = 3_000
_WHERE = "SELECT current_setting('unix_socket_directories')"
_WRITE = f"""DO $$ BEGIN
    FOR i IN 1..{_ROWS} LOOP INSERT INTO t (id, name) VALUES (i, i); COMMIT; END LOOP;
END $$"""


@pytest.mark.in_turn(2)
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


async def test_a_subscriber_that_has_what_the_plan_asks_for_goes_on_through_contract(database: str) -> None:
    """Rows arrive before, after and after undo; one that lacks the hidden column stops, and doctor names its
    slot.
    """
    with Server.start(VERSION, SETTINGS) as subscribing:
        there = await asyncpg.connect(subscribing.url())
        await there.execute('CREATE TABLE t (id int PRIMARY KEY, name text, label text, "~ec_name" text)')
        fields = {"column": "t.name", "new_name": "label"}
        async with scripted(
            database, "rename-column", fields, f"{_GIVEN}; CREATE PUBLICATION p FOR TABLE t"
        ) as life:
            (said,) = (note.sentence for note in life.planned.hazards if note.code == "publication")
            assert '"~ec_name"' in said
            await there.execute(
                f"CREATE SUBSCRIPTION s CONNECTION 'host={await life.value(_WHERE)} "
                f"port={await life.value('SHOW port')} user=postgres "
                f"dbname={await life.value('SELECT current_database()')}' PUBLICATION p"
            )
            await life.ready()
            for number, verb in enumerate((life.contract, life.undo, life.contract)):
                await life.sql(f"INSERT INTO t (id, label) VALUES ({number}, 'x')")
                await verb()
                await life.sql(f"UPDATE t SET label = 'y{number}' WHERE id = {number}")
                arrived = f"SELECT count(*) = 1 FROM t WHERE id = {number} AND label = 'y{number}'"
                await until(partial(there.fetchval, arrived))
            assert not await _standing(life)
            await there.execute('ALTER TABLE t DROP COLUMN "~ec_name"')
            await life.sql("INSERT INTO t (id, label) VALUES (99, 'stops')")
            await until(lambda: _standing(life))
            (slot,) = await _standing(life)
            assert "s (read by nobody, reserved" in slot
            await there.execute('ALTER TABLE t ADD COLUMN "~ec_name" text')
            await until(lambda: there.fetchval("SELECT count(*) = 1 FROM t WHERE id = 99"))
            await there.execute("DROP SUBSCRIPTION s")
        await there.close()


async def _standing(life: Script) -> list[str]:
    found = await doctor.examine(life.context)
    return [each.sentence for each in found if each.subject == "replication slots"]
