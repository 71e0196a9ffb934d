"""Rows that are copied under replication origins: whoever decodes the WAL can tell them from others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from expandcontract.engine.health import Finding
from expandcontract.engine.verbs import doctor
from expandcontract.model.errors import EcError, MissingPrivilege, Refused
from expandcontract.model.events import Notice
from expandcontract.postgres import origin
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server, available_versions
from tests.acceptance.cycle import Life, living
from tests.conftest import SETTINGS, VERSION

pytestmark = pytest.mark.in_turn(2)

ROWS = 4_000
GIVEN = f"""
CREATE TABLE t (id int PRIMARY KEY, name text);
INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, {ROWS}) n;
CREATE PUBLICATION p FOR TABLE t
"""
RENAME = {"column": "t.name", "new_name": "label"}
ORIGINS = "SELECT roname FROM pg_replication_origin ORDER BY 1"


@pytest.fixture
def publisher() -> Iterator[Server]:
    """Give a server of its own: origins are of the whole server."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as started:
        yield started


@asynccontextmanager
async def _published(server: Server, name: str = "ec") -> AsyncIterator[Life]:
    """Give a started change of a published table, whose rows are to be marked."""
    async with living(server.url(), "rename-column", RENAME, GIVEN) as life:
        life.context = replace(life.context, origin=name)
        await life.start(acknowledged=["publication"])
        await life.sql("SELECT pg_create_logical_replication_slot('consumer', 'pgoutput')")
        yield life


async def _updates(life: Life, **options: str) -> Counter[str]:
    """Return how many updates of rows a consumer gets, by the origin of their transaction."""
    more = "".join(f", '{name}', '{value}'" for name, value in options.items())
    messages = await life.rows(
        "SELECT data FROM pg_logical_slot_peek_binary_changes('consumer', NULL, NULL, "
        f"'proto_version', '1', 'publication_names', 'p'{more})"
    )
    found: Counter[str] = Counter()
    marked = ""
    for (message,) in messages:
        match message[:1]:
            case b"B":
                marked = ""
            case b"O":
                marked = message[9:].rstrip(b"\0").decode()
            case b"U":
                found[marked] += 1
            case _:
                pass
    return found


async def _write(life: Life, until: asyncio.Event) -> int:
    """Write as old code until told to stop; return how many rows were written."""
    number = 0
    while not until.is_set():
        number += 1
        await life.sql(f"UPDATE t SET name = 'written {number}' WHERE id = {ROWS - number % 100}")
    return number


async def test_who_decodes_the_wal_can_tell_our_rows_from_others(publisher: Server) -> None:
    """Each row that is copied comes under an origin of ours, each worker's under its own; those of
    applications come without. From 16 on a subscriber with `origin = none` gets the latter only.
    """
    async with _published(publisher) as life:
        over = asyncio.Event()
        writing = asyncio.create_task(_write(life, over))
        try:
            situation = await life.backfill(workers=2, batch=50, max_rate=20_000)
        finally:
            over.set()
        written = await writing
        copied = await life.value("SELECT sum(rows) FROM expandcontract.chunk WHERE purpose = 'copy'")
        assert written > 10
        found = await _updates(life)
        assert found.pop("") == written
        assert all(name in {f"ec_{number}" for number in range(8)} for name in found)
        assert found.total() == copied
        if VERSION >= 16:
            assert await _updates(life, origin="none") == {"": written}
        assert situation.ready


async def test_origins_go_with_the_change(publisher: Server) -> None:
    """Rolled back and purged leave none behind, but those that another open change uses; each session had
    its own.
    """
    async with _published(publisher) as life:
        await life.sql("CREATE TABLE u (id int PRIMARY KEY, name text)")
        await life.backfill(workers=3)
        kept = await life.rows(ORIGINS)
        assert 0 < len(kept) <= 3
        async with living(
            publisher.url(), "rename-column", {"column": "u.name", "new_name": "label"}
        ) as other:
            other.change = replace(other.change, name="0002_u")
            other.context = replace(other.context, origin="ec")
            await other.start()
            await other.backfill()
            await other.rollback()
            assert await life.rows(ORIGINS) == kept
        await life.contract()
        await life.purge()
        assert await life.rows(ORIGINS) == []


async def test_who_may_not_mark_is_refused_and_told_what_to_grant(publisher: Server) -> None:
    """A role without EXECUTE gets no session to write with, and is told which functions; granted, it does."""
    async with _published(publisher) as life:
        await life.sql("CREATE ROLE worker LOGIN")
        database = Database(publisher.url(user="worker"))
        with pytest.raises(MissingPrivilege) as refused:
            await _session(database)
        missing = ", ".join(origin.FUNCTIONS)
        assert missing in refused.value.next
        await life.sql(f"GRANT EXECUTE ON FUNCTION {missing} TO worker")
        await _session(database)
        await database.close()


async def _session(database: Database) -> None:
    async with database.marked("ec").direct() as conn:
        await conn.exec_driver_sql("SELECT 1")


async def test_nothing_is_copied_unmarked_where_marks_were_asked_for(publisher: Server) -> None:
    """With all of the server's origins used up the backfill is refused; with room it goes on."""
    async with _published(publisher) as life:
        await life.sql("""
            DO $$ BEGIN
                FOR n IN 1..10 LOOP
                    PERFORM pg_replication_origin_create('subscription_' || n);
                    PERFORM pg_replication_origin_advance('subscription_' || n, '0/1');
                END LOOP;
            END $$""")
        with pytest.raises(Refused, match="no replication origin left"):
            await life.backfill()
        assert await life.value("SELECT count(*) FROM t WHERE label IS NOT NULL") == 0
        await life.sql("SELECT pg_replication_origin_drop('subscription_1')")
        assert (await life.backfill()).ready


async def test_a_name_that_the_server_keeps_for_itself_is_refused(publisher: Server) -> None:
    """What the server says against a name reaches the operator as an error of ours."""
    async with _published(publisher, "pg_x") as life:
        with pytest.raises(EcError, match="reserved"):
            await life.backfill()


async def test_where_nobody_can_tell_no_origin_is_used_up() -> None:
    """Below wal_level = logical nothing is decoded: rows are copied unmarked, which is said."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, {**SETTINGS, "wal_level": "replica"}) as server:
        async with living(server.url(), "rename-column", RENAME, GIVEN.replace("CREATE PUB", "-- ")) as life:
            life.context = replace(life.context, origin="ec")
            await life.ready()
            assert await life.rows(ORIGINS) == []
            assert any("nobody could tell" in event.text for event in life.heard if isinstance(event, Notice))
            assert "replication origins" not in {each.subject for each in await doctor.examine(life.context)}


async def test_doctor_says_whether_rows_can_be_marked(publisher: Server) -> None:
    """For whom may, that it is possible or done; for whom may not, what to grant."""
    async with _published(publisher) as life:

        async def found(url: str, name: str) -> Finding:
            database = Database(url)
            context = replace(life.context, database=database, origin=name)
            findings = await doctor.examine(context)
            await database.close()
            return next(each for each in findings if each.subject == "replication origins")

        await life.sql("CREATE ROLE stranger LOGIN")
        stranger = publisher.url(user="stranger")
        assert "--replication-origin" in (await found(publisher.url(), "")).sentence
        assert "are marked ec_0" in (await found(publisher.url(), "ec")).sentence
        assert [(await found(stranger, name)).well for name in ("", "ec")] == [True, False]
        assert "GRANT EXECUTE" in (await found(stranger, "ec")).next
