"""Tables made once, each in a database of its own, and copied from it file by file for each run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs.start import start
from expandcontract.ledger.migrate import migrate
from expandcontract.model.change import Change
from expandcontract.model.events import ignore
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from expandcontract.throttles import courtesy
from expandcontract.throttles.limits import Limits
from instrument.tables import Shape

Session: TypeAlias = "asyncpg.Connection[Any]"

NAME = "0001_bench"
COPY = "bench"
#: The session of the bench is no application that would have to be spared.
ALONE = Limits(off=frozenset({courtesy.NAME}))
#: Since then CREATE DATABASE can also copy through the WAL, and does unless told otherwise.
STRATEGIES_SINCE = 15


@dataclass(frozen=True)
class Subject:
    """A table `t` of `rows` rows with an empty column `new`, in a database of its own.

    `raw` is a session with PostgreSQL's own settings; `context` is what the engine works in, where the change
    was started.
    """

    server: Server
    shape: Shape
    rows: int
    raw: Session
    context: Context

    @property
    def url(self) -> str:
        """Of the database."""
        return self.server.url(COPY)

    async def situation(self) -> Situation:
        """Return how far the change is."""
        return await situations.one(self.context, NAME)


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Session]:
    """Connect for a while."""
    raw: Session = await asyncpg.connect(url)
    try:
        yield raw
    finally:
        await raw.close()


class Copies:
    """The tables of one server that were made so far, and copies of them."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: set[str] = set()

    @asynccontextmanager
    async def fresh(
        self, shape: Shape, rows: int, *, started: bool, loaded: bool = False
    ) -> AsyncIterator[Subject]:
        """Give a copy: frozen, analyzed, all on disk; with its sync trigger standing where it is `started`.

        Where it is to be `loaded`, it has the index that the application needs.
        """
        await self._copy(await self._original(shape, rows, loaded=loaded))
        database = Database(self._server.url(COPY))
        try:
            async with session(self._server.url(COPY)) as raw:
                subject = Subject(
                    self._server, shape, rows, raw, Context(database, Policy(), ignore, "bench", limits=ALONE)
                )
                if started:
                    await migrate(database)
                    await start(subject.context, Change(NAME, shape.change[0], shape.spec))
                else:
                    await raw.execute(f"ALTER TABLE t ADD new {shape.new}")
                await raw.execute("CHECKPOINT")
                yield subject
        finally:
            await database.close()

    async def forget(self) -> None:
        """Drop all that was made."""
        async with session(self._server.url()) as admin:
            for name in (COPY, *self._made):
                await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._made.clear()

    async def _copy(self, original: str) -> None:
        strategy = " STRATEGY FILE_COPY" if self._server.version >= STRATEGIES_SINCE else ""
        async with session(self._server.url()) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
            await admin.execute(f"CREATE DATABASE {COPY} TEMPLATE {original}{strategy}")

    async def _original(self, shape: Shape, rows: int, *, loaded: bool) -> str:
        name = f"{shape.name}_{rows}{'_loaded' * loaded}"
        if name in self._made:
            return name
        async with session(self._server.url()) as admin:
            await admin.execute(f"CREATE DATABASE {name}")
        self._made.add(name)
        async with session(self._server.url(name)) as raw:
            await raw.execute(f"CREATE TABLE t ({shape.columns})")
            await raw.execute(
                f"INSERT INTO t SELECT {shape.values} FROM generate_series(1, {rows}::bigint) g"
            )
            for statements in (shape.constraints, shape.load_index if loaded else ""):
                if statements:
                    await raw.execute(statements)
            await raw.execute("VACUUM (FREEZE, ANALYZE) t")
        return name
