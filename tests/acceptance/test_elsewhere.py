"""A change in another place: a promoted standby, a dump that was restored, there or in place of what was."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from expandcontract.engine.verbs import control, doctor
from expandcontract.model.errors import CopiedDatabase, GateShut
from expandcontract.model.events import TookOver
from expandcontract.model.phases import State
from expandcontract.postgres import connect
from expandcontract.testing.server import Server, available_versions
from tests.acceptance.cycle import Life, living
from tests.conftest import VERSION
from tests.waiting import until

RENAME = ("rename-column", {"column": "public.users.name", "new_name": "display_name"})
USERS = """CREATE TABLE users(id int PRIMARY KEY, name text NOT NULL);
CREATE INDEX ix_users_name ON users(name);
INSERT INTO users SELECT i, 'n' || i FROM generate_series(1, 3000) i"""
SETTINGS = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_failover_in_the_middle_of_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The primary dies while rows are compared. On the standby that was promoted the dead process' lease is
    void at once, the comparison goes on where it was, and what new code wrote is there.
    """
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as primary, Server.replica(primary) as standby:
        async with living(primary.url(), *RENAME, USERS) as life:
            await life.start()
            await life.backfill(verify=False)
            await life.sql("UPDATE users SET display_name = 'new code' WHERE id = 5")
            await control.pause(life.context, life.name)
            comparing = asyncio.create_task(life.verify())
            held = "SELECT count(*) FROM expandcontract.chunk WHERE throttled_by <> ''"
            await until(lambda: life.value(held), comparing)
            await _replayed(standby, await life.value("SELECT pg_current_wal_lsn()::text"))
            await life.app.close()
            monkeypatch.setattr(connect, "AWAY_SECONDS", 1.0)  # of a server that will not come back
            primary.stop("immediate")
            comparing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await comparing
        await _execute(standby.url(), "SELECT pg_promote()")
        async with living(standby.url(), *RENAME) as life:
            assert not (await life.situation()).live.is_copy
            await control.resume(life.context, life.name)
            situation = await life.verify()
            assert any(isinstance(event, TookOver) for event in life.heard)
            assert situation.proof is not None
            assert (situation.proof.rows_compared, situation.proof.mismatches) == (3000, 0)
            assert await life.rows("SELECT name, display_name FROM users WHERE id = 5") == [
                ("new code", "new code")
            ]
            await life.contract()
            await life.undo()


async def _replayed(standby: Server, position: str) -> None:
    connection = await asyncpg.connect(standby.url())
    try:
        reached = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
        await until(lambda: connection.fetchval(reached, position))
    finally:
        await connection.close()


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("phase", ["dual_write", "ready", "hidden"])
async def test_a_dump_restored_into_another_database(
    server: Server, database: str, phase: str, tmp_path: Path
) -> None:
    """It knows that it is a copy: no proof, no lease, no contract until its own rows were compared."""
    async with living(database, *RENAME, USERS) as life:
        await _arrive(life, phase)
        await _lease(life)
        dump = _dump(server, database, tmp_path)
    copy = f"{_name(database)}_copy"
    await _execute(server.url(), f"CREATE DATABASE {copy} TEMPLATE template0")
    try:
        _restore(server, copy, dump)
        async with living(server.url(copy), *RENAME) as life:
            (finding,) = [f for f in await doctor.examine(life.context) if f.subject == life.name]
            assert "is a copy" in finding.sentence
            told = await life.situation()
            assert [leaf.name for leaf in told.live.leaves] == ["public.users"]
            assert not any("is gone" in fault or "is called" in fault for fault in told.live.sync_faults)
            assert not any(holder.alive for holder in (await life.situation()).holders)
            await _go_on(life, phase)
    finally:
        await _execute(server.url(), f"DROP DATABASE {copy} WITH (FORCE)")


async def test_a_table_that_was_renamed_is_found_in_a_copy(
    server: Server, database: str, tmp_path: Path
) -> None:
    """Under the name that it has by then: what has its old one is a view."""
    kind = ("rename-table", {"table": "public.users", "new_name": "accounts"})
    async with living(database, *kind, USERS) as life:
        await life.start(acknowledged={"view"})
        dump = _dump(server, database, tmp_path)
    copy = f"{_name(database)}_copy"
    await _execute(server.url(), f"CREATE DATABASE {copy} TEMPLATE template0")
    try:
        _restore(server, copy, dump)
        async with living(server.url(copy), *kind) as life:
            await life.rollback()
            assert await life.value("SELECT relkind FROM pg_class WHERE oid = 'users'::regclass") == b"r"
            found = "SELECT relation = 'users'::regclass FROM expandcontract.change"
            assert await life.value(found)
    finally:
        await _execute(server.url(), f"DROP DATABASE {copy} WITH (FORCE)")


async def _arrive(life: Life, phase: str) -> None:
    await life.start()
    if phase != "dual_write":
        await life.backfill()
    if phase == "hidden":
        await life.contract()


async def _lease(life: Life) -> None:
    """Leave the lease of somebody who is alive where the dump was made."""
    await life.sql(
        "INSERT INTO expandcontract.lease SELECT gen_random_uuid(), 1, true, 'backfill', 'there', 1, NULL,"
        " NULL, database_oid, 'bob', now(), now() + interval '1 hour' FROM expandcontract.change"
    )


async def _go_on(life: Life, phase: str) -> None:
    if phase == "hidden":
        with pytest.raises(CopiedDatabase):
            await life.purge()
        await life.undo()
    else:
        with pytest.raises((CopiedDatabase, GateShut) if phase == "ready" else Exception):
            await life.contract()
    situation = await life.backfill()
    assert situation.proof is not None
    assert (situation.proof.rows_compared, situation.proof.mismatches) == (3000, 0)
    await life.sql("UPDATE users SET name = 'old code' WHERE id = 1")
    assert await life.value("SELECT display_name FROM users WHERE id = 1") == "old code"
    await life.contract()
    assert (await life.situation()).state == State.HIDDEN


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("phase", ["dual_write", "ready"])
async def test_a_dump_restored_in_place(server: Server, database: str, phase: str, tmp_path: Path) -> None:
    """The same database, another table of the same name with our trigger: it is found again, and no proof of
    the old one counts.
    """
    async with living(database, *RENAME, USERS) as life:
        await _arrive(life, phase)
        dump = _dump(server, database, tmp_path)
        await life.sql("UPDATE users SET name = 'after the dump'")
        await life.sql("DROP TABLE users; DROP SCHEMA expandcontract, expandcontract_sync CASCADE")
        await life.context.database.close()
        _restore(server, _name(database), dump)
        (finding,) = [f for f in await doctor.examine(life.context) if f.subject == life.name]
        assert "is gone" in finding.sentence
        if phase == "ready":
            with pytest.raises(GateShut):
                await life.contract()
        await life.backfill()
        assert (await life.situation()).live.sync_faults == ()
        assert await life.value("SELECT count(*) FROM users WHERE display_name = 'n' || id") == 3000
        await life.contract()
        await life.undo()


async def test_a_table_that_took_the_name_is_not_taken_for_a_restored_one(database: str) -> None:
    """Without our trigger it is somebody else's: nothing is done to it."""
    async with living(database, *RENAME, USERS) as life:
        await life.ready()
        await life.sql("DROP TABLE users; CREATE TABLE users(id int, name text, display_name text)")
        with pytest.raises(Exception, match=r"another table|is gone"):
            await life.backfill()
        assert await life.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'users'::regclass") == 0


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _dump(server: Server, url: str, folder: Path) -> Path:
    file = folder / "dump"
    subprocess.run([server.bin("pg_dump"), "--format=custom", "--file", file, url], check=True)
    return file


def _restore(server: Server, database: str, dump: Path) -> None:
    subprocess.run(
        [server.bin("pg_restore"), "--exit-on-error", "--dbname", server.url(database), dump], check=True
    )


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
