"""The director of the demo: who comes on stage when, and what is found in the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from expandcontract.testing.demo import table
from expandcontract.testing.demo.apps import App
from expandcontract.testing.demo.comparison import Comparison, compare
from expandcontract.testing.demo.operator import DemoFailedError, Operator, phases
from expandcontract.testing.demo.screen import show
from expandcontract.testing.demo.timeline import Span, Timeline
from expandcontract.testing.server import Server

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB"}
COLUMN, NEW_NAME = "users.name", "display_name"
#: Seconds that the applications run alone, before, between and after the steps of the change.
AMONG_THEMSELVES = 3.0


@dataclass(frozen=True)
class Sizes:
    """Bytes of the heap, of the indexes that were there from the start, and of all indexes."""

    heap: int
    indexes: int
    all_indexes: int


@dataclass(frozen=True)
class Found:
    """All that the last screen shows."""

    timeline: Timeline
    apps: tuple[App, App]
    status: dict[str, Any]
    before: Sizes
    after: Sizes
    comparison: Comparison
    seconds: float

    @property
    def good(self) -> bool:
        """No error, no row wrong, and both applications wrote: without that there was nothing to see."""
        errors = sum(len(app.errors) for app in self.apps)
        mismatches = self.status["phases"]["verify"]["mismatches"]
        return (
            not errors and not mismatches and not self.comparison.wrong and all(a.writes for a in self.apps)
        )


async def play(console: Console, rows: int = 1_000_000) -> bool:
    """Play the demo on an embedded PostgreSQL 18 and return whether all went well.

    Raises `ServerError` where there is no such server, `DemoFailedError` when a command of `ec` ended
    otherwise than it must. Server and applications are gone afterwards, also when this process is killed.
    """
    with console.status(f"PostgreSQL 18 with {rows:,} users") as busy, Server.start(18, SETTINGS) as server:
        folder = server.directory / "shop"  # gone with the server
        folder.mkdir()
        async with _connected(server.url()) as connection:
            await _seed(connection, rows)
            busy.stop()
            found = await _perform(console, server, connection, folder, rows)
            show(console, found)
            return found.good


async def _perform(
    console: Console, server: Server, connection: AsyncConnection, folder: Path, rows: int
) -> Found:
    begin = time.time()
    url = _async_url(server.url(user=table.ROLE))
    operator = Operator(console, folder, server.url())
    await operator.type("init")
    async with _running("old_app", url) as old:
        console.print(f"\nThe old version is at work, through {COLUMN}.")
        await asyncio.sleep(AMONG_THEMSELVES)
        before = await _sizes(connection)
        await operator.type("start", "rename-column", COLUMN, NEW_NAME)
        async with _deployed(operator, url, console) as deploy:
            await operator.type("backfill")
            after = await _sizes(connection)
            new = await deploy
            await asyncio.sleep(AMONG_THEMSELVES)
            await operator.type("status")
            await operator.type("contract", code=4)
            console.print("\nThat is right: the old version is still at work. It is stopped now.")
            await old.stop()
            await operator.wait("contractable")
            await operator.type("contract")
            await asyncio.sleep(AMONG_THEMSELVES)
            name = (await operator.status())["name"]
            await operator.type("purge", "--now", "--confirm", name)
            await asyncio.sleep(AMONG_THEMSELVES)
            await new.stop()
    end = time.time()
    status = await operator.status()
    comparison = await compare(connection, [*old.rows, *new.rows], rows)
    return Found(
        Timeline(_spans(operator, status, begin, end)),
        (old, new),
        status,
        before,
        after,
        comparison,
        end - begin,
    )


def _spans(operator: Operator, status: dict[str, Any], begin: float, end: float) -> list[Span]:
    """Put what lies between the phases among them."""
    expand, dual_write, backfill, verify, contract = phases(status)
    purge = next(span for span in operator.spans if span.name == "purge")
    return [
        Span("before", begin, expand.begin),
        expand,
        dual_write,
        backfill,
        verify,
        Span("both versions", verify.end, contract.begin),
        contract,
        Span("hidden", contract.end, purge.begin),
        purge,
        Span("after", purge.end, end),
    ]


@asynccontextmanager
async def _running(name: str, url: str) -> AsyncIterator[App]:
    """Run an application, and leave none behind."""
    app = await App.start(name, url)
    try:
        yield app
    finally:
        await app.stop()


@asynccontextmanager
async def _deployed(operator: Operator, url: str, console: Console) -> AsyncIterator[asyncio.Task[App]]:
    """Deploy the new version as soon as `ec` says that it may be, beside what goes on meanwhile."""

    async def deploy() -> App:
        await operator.wait("ready")
        console.print(f"\nReady: the new version is deployed, and works through {NEW_NAME}.")
        return await App.start("new_app", url)

    task = asyncio.create_task(deploy())
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        elif not task.exception():
            await task.result().stop()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    """Connect without transactions, as psql does."""
    engine: AsyncEngine = create_async_engine(_async_url(url), isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def _async_url(url: str) -> str:
    return url.replace("postgresql:", "postgresql+asyncpg:", 1)


async def _seed(connection: AsyncConnection, rows: int) -> None:
    for statement in (table.SCHEMA, table.ROWS.format(rows=rows), *table.AFTERWARDS, table.VACUUM):
        await connection.exec_driver_sql(statement)


async def _sizes(connection: AsyncConnection) -> Sizes:
    sizes = await connection.exec_driver_sql(table.SIZES, (table.INDEXES,))
    return Sizes(**sizes.mappings().one())


__all__ = ["DemoFailedError", "play"]
