"""The line on which one worker writes: a session of its own, in which each statement is a transaction.

A statement that is run a million times is prepared once, and goes out and comes back in one message. Nobody
holds a transaction while the client thinks, or is stopped.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.chunk import Chunk
from expandcontract.model.errors import PoolerInTheWay
from expandcontract.postgres import owner_rights
from expandcontract.postgres.message import driver
from expandcontract.postgres.owner_rights import OWN, OwnerRights
from expandcontract.postgres.settings import own_path
from expandcontract.postgres.sqlstate import is_disconnect
from expandcontract.sweep.shift import Shift, refuse_memory
from expandcontract.sweep.statements import settings

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

Answer = Mapping[str, Any]


class Line:
    """Runs one worker's statements. Behind a pooler, where no session is its own, in pooled transactions.

    Opened when it is first used. To be closed by who made it.
    """

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._stack = AsyncExitStack()
        self._conn: AsyncConnection | None = None
        self._raw: asyncpg.Connection[Any] | None = None
        self._incarnation = ""
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}
        self._pooled = False
        # What fires and is evaluated where a row is written may name a table without its schema.
        self._own_path = shift.job.action.own_path
        #: With whose rights the statements that come are run.
        self.rights = OWN
        self._able: set[OwnerRights] = set()

    async def run(self, chunk: Chunk, statement: str, parameters: tuple[Any, ...]) -> Answer | None:
        """Run a statement that commits by itself; return its row.

        Raises what `Shift.transact` raises.
        """
        if not self._pooled:
            try:
                return await self._shift.persist(
                    lambda: self._once(chunk, statement, parameters), limited=True
                )
            except PoolerInTheWay:
                self._pooled = True

        async def body(conn: AsyncConnection) -> Answer | None:
            await self.rights.open(conn)
            for query in self._paths("true"):
                await conn.exec_driver_sql(query)
            row = (await conn.exec_driver_sql(statement, parameters)).mappings().first()
            return None if row is None else dict(row)

        return await self._shift.transact(body, chunk=chunk, limit=self._shift.patience)

    async def close(self) -> None:
        """End the session. It has no transaction."""
        if self._conn is not None and not self._conn.invalidated:
            await self._conn.invalidate()
        self._conn = self._raw = None
        self._prepared.clear()
        self._able.clear()
        await self._stack.aclose()

    async def _once(self, chunk: Chunk, statement: str, parameters: tuple[Any, ...]) -> Answer | None:
        try:
            prepared = await self._ready(statement)
            # A session dies with its server: what it is told was not lost since it began.
            refuse_memory(chunk, self._incarnation)
            row = await prepared.fetchrow(*parameters)
        except asyncpg.InternalClientError as error:
            # The server's farewell came while nothing was asked; the driver has yet to see the end of it.
            await self.close()
            raise ConnectionResetError(str(error)) from error
        except Exception as error:
            if is_disconnect(error):
                await self.close()
            raise
        return None if row is None else dict(row)

    async def _ready(self, statement: str) -> "PreparedStatement[asyncpg.Record]":
        if self._raw is None or self._raw.is_closed():
            await self.close()
            self._raw = await self._opened()
        if self.rights not in self._able:
            opening = (*self.rights.opening, *self._paths("false"))
            if opening:
                await self._raw.execute(";\n".join(opening))
            self._able.add(self.rights)
        if statement not in self._prepared:
            name = f"ec_{len(self._prepared)}"  # an unnamed one would be parsed again each time
            self._prepared[statement] = await self._raw.prepare(statement, name=name)
        return self._prepared[statement]

    def _paths(self, scope: str) -> tuple[str, ...]:
        """Return what sets the path along which what fires or is evaluated is looked up. It is none for what
        the session itself looks up where others may have made something in its pg_temp.
        """
        if not self._own_path:
            return ()
        setting = "search_path" if self.rights.owner is None else owner_rights.OWN_PATH
        return (own_path(setting, scope),)

    async def _opened(self) -> "asyncpg.Connection[Any]":
        database = self._shift.database
        self._conn = await self._stack.enter_async_context(
            database.direct(
                synchronous=False,
                lock_timeout=database.lock_timeout,
                statement_timeout=self._shift.patience,
            )
        )
        query = settings(self._shift.options.session_settings, local=False)
        self._incarnation = (await self._conn.exec_driver_sql(query)).one().incarnation
        return await driver(self._conn)
