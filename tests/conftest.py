"""The PostgreSQL that tests run on: one server per worker of pytest-xdist, one database per test.

`EC_TEST_PG` chooses the major version (default 18). Under `EC_REQUIRE_ALL=1`, as in `.ci/run`, a test that
skips itself because something is missing on this machine fails instead.
"""

import asyncio
import itertools
import os
import sys
import tempfile
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from expandcontract.ledger.migrate import migrate
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server, available_versions
from tests.rotation import leave_out, take_turns

if TYPE_CHECKING:
    from tests.chaos.nursery import Nursery

# How long it takes to draw examples says something of the machine, and of who else is at work on it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

VERSION = int(os.environ.get("EC_TEST_PG", "18"))
REQUIRE_ALL = os.environ.get("EC_REQUIRE_ALL") == "1"
# A skip that says one of these is about the test, not about what the machine lacks.
LEGITIMATE_SKIPS = ("Skipped: not on PostgreSQL", "Skipped: only as root")

SETTINGS = {
    "fsync": "off",  # a test's data need not survive the machine
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    # An ANALYZE that comes by holds a snapshot: how many updates are HOT would depend on the moment.
    "autovacuum_naptime": "1h",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%d %a ",
}


#: A third of the time that writing each page of a new database into the WAL takes, where nothing is synced.
CHEAPLY = "STRATEGY file_copy"

#: Servers live here where there is this much room: a database for each test is made in a third of the time.
MEMORY, ROOM_BYTES = "/dev/shm", 8 << 30  # noqa: S108 - mkdtemp makes the names


# Wherever it was set: a process that a test starts is to import what was compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def _room_in_memory() -> bool:
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= ROOM_BYTES


if "TMPDIR" not in os.environ and _room_in_memory():
    # pytest keeps the files of the last runs; not those in memory.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def pytest_report_header() -> str:
    """Say on what the tests run."""
    found = ", ".join(map(str, available_versions())) or "none"
    return f"PostgreSQL: {VERSION} (EC_TEST_PG), installed: {found}; files in {tempfile.gettempdir()}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say which cases are slow in this commit, before those that are not asked for are left out."""
    take_turns(items)
    if left := leave_out(items):
        config.hook.pytest_deselected(items=left)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip for something missing into a failure where everything must be there."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.startswith(LEGITIMATE_SKIPS):
            report.outcome = "failed"
            report.longrepr = f"{reason} (EC_REQUIRE_ALL=1: nothing may be missing)"
    return report


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Give the worker's server. Tests share it: who restarts or crashes a server starts one of his own."""
    if VERSION not in available_versions():
        pytest.skip(f"needs PostgreSQL {VERSION}")
    with Server.start(VERSION, SETTINGS) as started:
        yield started


@pytest.fixture(scope="session")
def ledger_template(server: Server) -> str:
    """Give the name of a database with a ledger and nothing else: a copy costs a tenth of `ec init`."""
    lay_ledger(server)
    return LEDGER


def lay_ledger(server: Server) -> None:
    """Make the database with a ledger and nothing else."""
    _run(_execute(server, f"CREATE DATABASE {LEDGER} TEMPLATE template0"))
    _run(_init(server.url(LEDGER)))


@pytest.fixture
def database(server: Server, ledger_template: str) -> Iterator[str]:
    """Give the URL of a fresh database, as its superuser. There is a ledger in it, and nothing else."""
    with database_of(server, ledger_template) as url:
        yield url


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """Give the URL of a fresh database, as its superuser, for what happens before or during `ec init`."""
    with database_of(server, "template0") as url:
        yield url


@pytest.fixture(scope="session")
def nursery() -> "Iterator[Nursery]":
    """Give the process that forks one for each act that dies: to start Python costs more than the act."""
    from tests.chaos.nursery import Nursery

    with Nursery() as started:
        yield started


LEDGER = "with_ledger"
_numbers = itertools.count(1)


@contextmanager
def database_of(server: Server, template: str) -> Iterator[str]:
    """Give the URL of a fresh copy of a database of the server, as its superuser."""
    name = f"test_{next(_numbers)}"
    _run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template} {CHEAPLY}"))
    yield server.url(name)
    _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _init(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


async def _execute(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run outside the test's event loop, without becoming the thread's current one."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
