"""Heartbeats: each running instance of an application keeps one row of the ledger fresh.

It needs no right on it. An instance that went silent for three intervals counts no more.
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, TextClause, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from expandcontract.model.names import literal, quote

#: How often, unless somebody wishes otherwise.
EVERY = timedelta(seconds=20)

_log = logging.getLogger("expandcontract.orm")


@dataclass(frozen=True)
class _Beat:
    application: str
    version: str
    instance: str
    every: timedelta
    schema: str

    @property
    def statement(self) -> str:
        """One statement without parameters, whose style differs from driver to driver."""
        words = ", ".join(literal(word) for word in (self.application, self.version, self.instance))
        return f"SELECT {quote(self.schema + '_sync')}.heartbeat({words}, {self.every.total_seconds()})"

    @property
    def clause(self) -> TextClause:
        """The same for SQLAlchemy, to which a colon would be a parameter."""
        return text(self.statement.replace(":", r"\:"))


async def heartbeat(
    connection: AsyncEngine | AsyncConnection,
    *,
    application: str,
    version: str,
    instance: str | None = None,
    every: timedelta = EVERY,
    schema: str = "expandcontract",
) -> None:
    """Say once that this instance runs, at this version; it counts for three times `every`.

    Args:
        connection: an engine, from which a connection is taken; or a connection, in whose transaction it is
            said: others see it when that commits.
        application: what `--require-version` calls it.
        version: an integer, or a version as PEP 440 has them. Others have no order, and keep the gate shut.
        instance: tells it from others of the application; otherwise host and process id.
        every: when the next one will come.
        schema: that of the ledger.

    Raises what SQLAlchemy raises, such as when there is no ledger.
    """
    await _send(connection, _beat(application, version, instance, every, schema))


@asynccontextmanager
async def beating(
    engine: AsyncEngine | Engine,
    *,
    application: str,
    version: str,
    instance: str | None = None,
    every: timedelta = EVERY,
    schema: str = "expandcontract",
) -> AsyncIterator[None]:
    """Send heartbeats while the body runs; on an engine without asyncio, from a thread. One that fails is
    logged, and never disturbs the application.
    """
    beat = _beat(application, version, instance, every, schema)
    task = asyncio.create_task(_keep_sending(engine, beat), name="expandcontract heartbeat")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def beat_on_use(
    engine: Engine,
    *,
    application: str,
    version: str,
    instance: str | None = None,
    every: timedelta = EVERY,
    schema: str = "expandcontract",
) -> None:
    """Send a heartbeat when a connection is taken from the pool and the last one is `every` ago.

    For engines without asyncio. An instance that uses no connection for three intervals counts no more until
    it does again. One that fails is logged, and never disturbs the application.
    """
    _OnUse(_beat(application, version, instance, every, schema)).listen(engine)


def _beat(application: str, version: str, instance: str | None, every: timedelta, schema: str) -> _Beat:
    return _Beat(application, version, instance or f"{socket.gethostname()}:{os.getpid()}", every, schema)


async def _send(connection: AsyncEngine | AsyncConnection, beat: _Beat) -> None:
    if isinstance(connection, AsyncConnection):
        await connection.execute(beat.clause)
        return
    async with connection.begin() as own:
        await _send(own, beat)


def _send_now(engine: Engine, beat: _Beat) -> None:
    with engine.begin() as connection:
        connection.execute(beat.clause)


async def _keep_sending(engine: AsyncEngine | Engine, beat: _Beat) -> None:
    if isinstance(engine, AsyncEngine):
        await _repeat(lambda: _send(engine, beat), beat)
        return
    # A thread of its own: one that hangs takes none from the application, and no second one hangs beside it.
    thread = ThreadPoolExecutor(1, "expandcontract heartbeat")
    try:
        loop = asyncio.get_running_loop()
        await _repeat(lambda: loop.run_in_executor(thread, _send_now, engine, beat), beat)
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


async def _repeat(send: Callable[[], Awaitable[None]], beat: _Beat) -> None:
    while True:
        try:
            async with asyncio.timeout(beat.every.total_seconds()):
                await send()
        except (SQLAlchemyError, OSError, TimeoutError):
            _log.warning("the heartbeat of %s could not be sent", beat.application, exc_info=True)
        await asyncio.sleep(beat.every.total_seconds())


class _OnUse:
    """Sends a heartbeat on a connection that is about to be used, where none is due from another thread."""

    def __init__(self, beat: _Beat) -> None:
        self._beat = beat
        self._due = time.monotonic()
        self._lock = threading.Lock()

    def listen(self, engine: Engine) -> None:
        """Look at each connection that the pool gives out."""
        event.listen(engine, "checkout", self._checked_out)

    def _checked_out(self, connection: DBAPIConnection, *_: Any) -> None:  # noqa: ANN401 - of the pool
        if self._is_due():
            self._send(connection)

    def _is_due(self) -> bool:
        with self._lock:
            if time.monotonic() < self._due:
                return False
            self._due = time.monotonic() + self._beat.every.total_seconds()
            return True

    def _send(self, connection: DBAPIConnection) -> None:
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(self._beat.statement)
            finally:
                cursor.close()
            connection.commit()
        except Exception:  # noqa: BLE001 - each driver has its own, and none may reach the application
            _log.warning("the heartbeat of %s could not be sent", self._beat.application, exc_info=True)
            connection.rollback()
