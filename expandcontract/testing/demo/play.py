"""The director of the demo: who comes on stage when, and what is found in the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from expandcontract.testing.demo import table
from expandcontract.testing.demo.apps import App
from expandcontract.testing.demo.comparison import compare
from expandcontract.testing.demo.found import Found, Sizes
from expandcontract.testing.demo.pages import served
from expandcontract.testing.demo.screen import show
from expandcontract.testing.operator import CommandFailedError, Operator, phases
from expandcontract.testing.server import Server, ServerError
from expandcontract.testing.timeline import Span, Timeline

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB"}
COLUMN, NEW_NAME = "users.name", "display_name"
#: Seconds that the applications run alone, before, between and after the steps of the change.
AMONG_THEMSELVES = 3.0


async def play(
    console: Console, rows: int = 1_000_000, records: Path | None = None, *, pages: bool = False
) -> bool:
    """Play the demo on an embedded PostgreSQL 18 and return whether all went well, or show what did not.

    What the gates said while the old version was at work, and the report of the change, are written into the
    folder `records`. With `pages` it can be seen in the browser as well, until it ends. Server and
    applications are gone afterwards, also when this process is killed.
    """
    try:
        return await _play(console, rows, records, pages=pages)
    except (ServerError, CommandFailedError) as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return False


async def _play(console: Console, rows: int, records: Path | None, *, pages: bool) -> bool:
    with console.status(f"PostgreSQL 18 with {rows:,} users") as busy, Server.start(18, SETTINGS) as server:
        folder = server.directory / "shop"  # gone with the server
        folder.mkdir()
        async with _connected(server.url()) as connection:
            await _seed(connection, rows)
            busy.stop()
            operator = Operator(folder, server.url(), console=console)
            async with served(server.url()) if pages else nullcontext("") as address:
                if pages:
                    console.print(f"Pages are at {address}", highlight=False)
                found = await _perform(console, server, connection, operator, rows, records)
            show(console, found)
            return found.good


async def _perform(
    console: Console,
    server: Server,
    connection: AsyncConnection,
    operator: Operator,
    rows: int,
    records: Path | None,
) -> Found:
    """Begin and end with one version of the application, and see what there is in the end."""
    url = _async_url(server.url(user=table.ROLE))
    begin = time.time()
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
            await _contract(operator, old, console, records)
            await new.stop()
    end = time.time()
    if records is not None:
        await _keep(operator, records, "report")
    status = await operator.status()
    comparison = await compare(connection, [*old.rows, *new.rows], rows)
    timeline = Timeline(_spans(operator, status, begin, end))
    return Found(timeline, (old, new), status, before, after, comparison, end - begin)


async def _keep(operator: Operator, records: Path, command: str) -> None:
    """Write what a command says into the folder."""
    _write(records, f"{command}.{'md' if command == 'report' else 'txt'}", await operator.read(command))


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


async def _contract(operator: Operator, old: App, console: Console, records: Path | None) -> None:
    """From two versions to one: the gate that the old one keeps shut, and what opens when it is gone."""
    await asyncio.sleep(AMONG_THEMSELVES)
    if records is not None:
        await _keep(operator, records, "gates")
    await operator.type("contract", code=4)
    await old.stop()
    console.print("\nThat is right: the old version was at work. It is stopped now.")
    console.print("By itself the gate opens after five quiet minutes; whoever knows better may say so:")
    name = (await operator.status())["name"]
    await operator.type("ack", name, "old-writers", "--reason", "the old version was stopped")
    await operator.type("contract")
    await asyncio.sleep(AMONG_THEMSELVES)
    await operator.type("purge", "--now", "--confirm", name)
    await asyncio.sleep(AMONG_THEMSELVES)


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
