"""One run of migrations at a time, whoever else starts one, and whatever ends it."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from expandcontract.alembic import turns
from expandcontract.testing.server import Server
from tests.alembic.project import DRIVERS, Project
from tests.pooler import pooled


def now() -> timedelta:
    """Wait for nobody."""
    return timedelta(0)


HELD = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
SNAPSHOTS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND state = 'idle in transaction' AND backend_xmin IS NOT NULL"
)
USERS = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("CREATE INDEX users_name ON users (name)")
"""
ROWS = """
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 1000) g")
"""


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    """Give an engine with a pool of one connection."""
    made = create_engine(empty_database.replace("postgresql", DRIVERS["sync"], 1), pool_size=1)
    yield made
    made.dispose()


@pytest.fixture
def other(empty_database: str) -> Iterator[Connection]:
    """Give somebody else's connection."""
    made = create_engine(empty_database.replace("postgresql", DRIVERS["sync"], 1))
    with made.connect() as connection:
        yield connection
    made.dispose()


def held(other: Connection) -> int:
    """Return how many advisory locks are held in the database."""
    with other.begin():
        return int(other.execute(HELD).scalar_one())


def test_whoever_does_not_get_the_turn_says_who_has_it(engine: Engine, other: Connection) -> None:
    """After the lock budget, with the other one's process; the same command goes on."""
    pid = other.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other.commit()
    turns.take(other, now)
    with engine.connect() as connection:
        with pytest.raises(CommandError, match=rf"EC401 .* process {pid} .* Next: the same command again"):
            turns.take(connection, now)
        assert not connection.in_transaction()


def test_the_turn_is_over_when_what_was_done_is_committed(engine: Engine, other: Connection) -> None:
    """Not before: who comes next must see the version that was reached."""
    with engine.connect() as connection:
        turn = turns.take(connection, now)
        assert not connection.in_transaction()
        with connection.begin():
            connection.execute(text("SELECT 1"))
            turn.over()
            assert held(other) == 1
        assert held(other) == 0


@pytest.mark.parametrize("begun", [False, True])
def test_a_run_that_fails_leaves_no_lock_in_the_pool(
    engine: Engine, other: Connection, *, begun: bool
) -> None:
    """The connection is used again, and is nobody's turn."""
    with engine.connect() as connection:
        first = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with engine.connect() as connection:
        if begun:
            connection.begin()
        turns.take(connection, now)
        assert held(other) == 1
    assert held(other) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() == first


async def test_a_lock_of_a_transaction_holds_no_snapshot(empty_database: str, other: Connection) -> None:
    """CREATE INDEX CONCURRENTLY waits for every snapshot, and the transaction lasts as long as the run."""
    engine = create_async_engine(empty_database.replace("postgresql", DRIVERS["async"], 1))
    async with engine.connect() as connection:
        turn = await connection.run_sync(turns._Beside.tried)
        assert turn is not None
        assert held(other) == 1
        assert other.execute(SNAPSHOTS).scalar_one() == 0
        other.rollback()
        await connection.run_sync(lambda _: turn.over())
    assert held(other) == 0
    await engine.dispose()


async def test_behind_a_pooler_no_lock_stays_in_its_backends(empty_database: str, server: Server) -> None:
    """In transaction mode a session's lock would be whoever's comes next: a transaction's is held."""

    def take_turns(url: str) -> None:
        through = create_engine(url.replace("postgresql", DRIVERS["sync"], 1))
        straight = create_engine(empty_database.replace("postgresql", DRIVERS["sync"], 1))
        with straight.connect() as other:
            with through.connect() as connection:
                turn = turns.take(connection, now)
                assert held(other) == 1
                with pytest.raises(CommandError, match="EC401"):
                    turns.take(other, now)
                turn.over()
                turns.take(connection, now)
                connection.execute(text("SELECT 1"))
            assert held(other) == 0
        through.dispose()
        straight.dispose()

    async with pooled(server, empty_database, backends=4) as url:
        await asyncio.to_thread(take_turns, url)


def _project(folder: Path, url: str, form: str, *, rows: bool) -> Project:
    made = Project(folder, url, form)
    made.revision("a", None, USERS + ROWS if rows else USERS, 'op.execute("DROP TABLE users")')
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    return made


def _three(project: Project) -> None:
    """Upgrade by three processes at once, all of which have to end well."""
    started = [
        subprocess.Popen(
            project.command("upgrade", "head"),
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    told = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], "\n".join(told)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["async", "sync"])
@pytest.mark.parametrize("rows", [True, False])
def test_three_at_once_all_end_well(tmp_path: Path, empty_database: str, form: str, *, rows: bool) -> None:
    """On a database without anything as on one with rows: one works, which builds an index concurrently, and
    the others find it done.
    """
    project = _project(tmp_path, empty_database, form, rows=rows)
    _three(project)
    assert project.within("current").startswith("b" if rows else ("b", "c"))
