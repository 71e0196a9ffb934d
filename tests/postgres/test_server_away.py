"""A server that is there and takes no connection is waited for, and then no fault of whoever asked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from expandcontract.cli.views.error import ErrorView
from expandcontract.model import killpoints
from expandcontract.model.errors import ConnectionLost, EcError, GateShut, LeaseHeld, NotConnected, ServerAway
from expandcontract.postgres import connect
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import is_away, translate
from expandcontract.testing.server import Server
from tests.acceptance.cycle import living
from tests.conftest import SETTINGS, VERSION
from tests.postgres.ledgers import as_role
from tests.waiting import until

ROLE = "one_session_only"
USERS = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'Name' FROM generate_series(1, 400) n
"""


@pytest.fixture
async def crowded(database: str) -> AsyncIterator[str]:
    """Give the URL of a role that has all the connections that it may have."""
    admin = await asyncpg.connect(database)
    await admin.execute(f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 1")
    held = await asyncpg.connect(as_role(database, ROLE))
    yield as_role(database, ROLE)
    await held.close()
    await until(lambda: admin.fetchval(f"SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = '{ROLE}'"))
    await admin.execute(f"DROP ROLE {ROLE}")
    await admin.close()


async def test_a_server_without_connections_is_waited_for(
    crowded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a bounded time; then exit 5, since the same command will do later."""
    monkeypatch.setattr(connect, "AWAY_SECONDS", 0.3)
    db = Database(crowded)
    with pytest.raises(ServerAway) as away:
        await db.server_version()
    await db.close()
    assert (away.value.exit_code, away.value.next != "") == (5, True)
    assert "too many connections" in away.value.why
    assert away.value.why.endswith("It was waited for, for 0.3 s.")


async def test_a_connection_that_comes_free_is_taken(database: str, crowded: str) -> None:
    """Whoever waits gets it."""
    db = Database(crowded)
    asking = asyncio.create_task(db.server_version())
    await asyncio.wait({asking}, timeout=0.2)
    assert not asking.done()
    admin = await asyncpg.connect(database)
    await admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
    await admin.close()
    assert await asking
    await db.close()


async def test_a_server_that_restarts_is_waited_for() -> None:
    """Its address led to it before, so that it is no wrong one when nobody listens there for a moment."""
    with Server.start(VERSION, SETTINGS) as server:
        db = Database(server.url())
        assert await db.server_version()
        restarting = asyncio.create_task(asyncio.to_thread(server.restart, "immediate"))
        while not restarting.done():
            try:
                await db.server_version()
            except Exception as error:  # noqa: BLE001 - what it is, is asserted
                assert isinstance(translate(error), ConnectionLost), error  # noqa: PT017 - or it is well
        await restarting
        assert await db.server_version()
        await db.close()


def test_a_standby_that_is_not_promoted_yet_is_away() -> None:
    """Of several servers none takes writes: a failover is under way."""
    assert is_away(asyncpg.TargetServerAttributeNotMatched("none of them"))
    assert not is_away(ConnectionRefusedError())


@pytest.mark.parametrize(
    ("error", "exit_code", "next_"),
    [
        (ConnectionLost("x"), 5, "Run the same command again."),
        (LeaseHeld("x"), 5, "Run the same command again."),
        (GateShut("x"), 4, "ec explain EC310"),
        (NotConnected("x", next="ec doctor"), 2, "ec doctor"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_next_command(error: EcError, exit_code: int, next_: str) -> None:
    """Where it does not say one itself, there is one for its kind."""
    view = ErrorView.of(error)
    assert (error.exit_code, view.next) == (exit_code, next_)


async def test_a_server_that_is_gone_for_good_is_waited_for_as_long_as_announced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once a sweep has waited as often as it says nothing is waited for any more: neither by other workers,
    nor to give back what nobody can take.
    """
    monkeypatch.setattr(connect, "AWAY_SECONDS", 0.5)
    gone, tries, connect_once = False, 0, connect._connected_once
    give_up = Database.give_up

    async def counted(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - whatever it takes
        nonlocal tries
        tries += gone
        return await connect_once(*arguments, **more)

    def gave_up(database: Database) -> None:
        nonlocal gone
        gone = True
        give_up(database)

    monkeypatch.setattr(connect, "_connected_once", counted)
    monkeypatch.setattr(Database, "give_up", gave_up)
    with Server.start(VERSION, SETTINGS) as server:
        fields = {"column": "users.name", "new_name": "title"}
        async with living(server.url(), "rename-column", fields, USERS) as life:
            await life.start()
            killpoints.watch(lambda point: server.stop("immediate") if point == "copy.batch.before" else None)
            try:
                with pytest.raises(ServerAway, match="takes no connection now") as away:
                    await life.backfill()
            finally:
                killpoints.watch(None)
    assert away.value.why.endswith("A sweep waits 3 times in a row.")
    # Each of those who share the connections tries once at most: workers, pulse, heartbeat, history, lease.
    assert gone
    assert tries <= 6
