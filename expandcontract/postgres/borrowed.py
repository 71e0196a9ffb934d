"""A connection that is somebody else's, in the middle of his transaction: ours are a savepoint and settings
that end with it.

It may be one of asyncpg's, by whichever engine of SQLAlchemy's, or that of another driver (psycopg): `lent`
gives the latter the shape of the former.
"""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self, cast

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import Executable

from expandcontract.postgres.lookup import KEPT
from expandcontract.postgres.message import constant, renumbered, send
from expandcontract.postgres.query import constant_of, rows
from expandcontract.postgres.settings import LENT_PATH, NAMES, settings

#: The savepoint of `ours`.
_SAVEPOINT = "ec_borrowed"
#: The guards of the ledger plan each of their statements once, not each of the first five times.
_PLANNING = "pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)"
_CHANGED = (*NAMES, "plan_cache_mode")
_SAVED = ", ".join(f"pg_catalog.current_setting('{name}', true)" for name in _CHANGED)


@asynccontextmanager
async def ours(
    conn: AsyncConnection, *, lock_timeout_ms: int, path: str = "", kept: bool = True
) -> AsyncIterator[None]:
    """Run the body in a savepoint, which any exception rolls back, under our settings. Whoever lent the
    connection goes on with his own. `path` is the search_path by which his names are looked up, where a
    session of his role has another one. What is not `kept` is rolled back in any case, its locks too.
    """
    # By SQLAlchemy, which begins the transaction where nothing was said in it.
    await conn.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
    try:
        # What is asked for comes first, and is evaluated first.
        put = settings(str(lock_timeout_ms), "0", local=True, synchronous=True).removeprefix("SELECT ")
        lent_path = f"pg_catalog.set_config('{LENT_PATH}', {constant(path)}, true)"
        ((*found,),) = await rows(conn, f"SELECT {_SAVED}, {lent_path}, {put}, {_PLANNING}")
        yield
    except BaseException:
        conn.info.pop(KEPT, None)  # it may have been made in the savepoint
        await conn.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        raise
    if not kept:
        await send(conn, f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}", f"RELEASE SAVEPOINT {_SAVEPOINT}")
        return
    await send(conn, _restoring(found[: len(_CHANGED)]), f"RELEASE SAVEPOINT {_SAVEPOINT}")


def _restoring(saved: Sequence[str | None]) -> str:
    """Pure. Return the statement that gives each setting the value of before; one that the server does not
    know has none.
    """
    back = (
        f"pg_catalog.set_config('{name}', {constant(value)}, true)"
        for name, value in zip((*_CHANGED, LENT_PATH), (*saved, ""), strict=True)
        if value is not None
    )
    return f"SELECT {', '.join(back)}"


def lent(connection: Connection) -> AsyncConnection:
    """Return a connection of another driver than asyncpg as what the rooms above work with.

    Whoever awaits it waits for the server: it belongs into a thread with a loop of its own, or where
    SQLAlchemy has somebody else wait. Values go out as constants, so that it matters nowhere how a driver
    writes a parameter.
    """
    return cast("AsyncConnection", _Lent(connection))


class _Lent:
    """As much of AsyncConnection as is used in somebody else's transaction."""

    invalidated = False
    closed = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.info = connection.info
        self.dialect = connection.dialect
        self.connection = SimpleNamespace(driver_connection=_Driver(self._connection))
        self.sync_connection = self

    async def exec_driver_sql(self, statement: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401
        """Run a statement with its values, $1 and so on."""
        return _executed(self._connection, _filled(statement, values))

    async def execute(self, statement: Executable, values: Any = None) -> Any:  # noqa: ANN401
        """Run a statement of SQLAlchemy's."""
        return self._connection.execute(statement, values)

    def begin_nested(self) -> "_Savepoint":
        """Begin a savepoint, which is awaited or entered."""
        return _Savepoint(self._connection)

    async def invalidate(self, _error: BaseException | None = None) -> None:
        """Leave it to whom the connection belongs."""


class _Savepoint:
    def __init__(self, connection: Connection) -> None:
        self._savepoint = connection.begin_nested()

    def __await__(self) -> Generator[None, None, "_Savepoint"]:
        yield from ()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._savepoint.commit()
        else:
            self._savepoint.rollback()

    @property
    def is_active(self) -> bool:
        return self._savepoint.is_active

    async def rollback(self) -> None:
        self._savepoint.rollback()


class _Driver:
    """As much of asyncpg's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def prepare(self, query: str, **_: object) -> "_Prepared":
        return _Prepared(self._connection, query)

    async def execute(self, statements: str) -> None:
        _executed(self._connection, statements)

    def get_server_version(self) -> SimpleNamespace:
        major, minor, *_ = (*(self._connection.dialect.server_version_info or ()), 0, 0)
        return SimpleNamespace(major=major, minor=0, micro=minor)

    def is_in_transaction(self) -> bool:
        return self._connection.in_transaction()

    def is_closed(self) -> bool:
        return self._connection.closed


class _Prepared:
    def __init__(self, connection: Connection, query: str) -> None:
        self._connection, self._query = connection, query
        self._said = ""

    async def fetch(self, *values: object) -> Sequence[Any]:
        event.listen(self._connection, "after_cursor_execute", self._hear)
        try:
            found = _executed(self._connection, _filled(self._query, values))
        finally:
            event.remove(self._connection, "after_cursor_execute", self._hear)
        return found.fetchall() if found.returns_rows else []

    def get_statusmsg(self) -> str:
        return self._said

    def _hear(self, _: Connection, cursor: Any, *_more: object) -> None:  # noqa: ANN401 - of any driver
        # A cursor that has no rows is closed when its statement is over, and says nothing any more. That of
        # psycopg's asyncio is inside of SQLAlchemy's.
        said = getattr(getattr(cursor, "_cursor", cursor), "statusmessage", None)
        self._said = str(said or "")


def _executed(connection: Connection, statement: str) -> Any:  # noqa: ANN401 - SQLAlchemy's result
    """Run a statement as it is: a % in it is no parameter. Said of the statement, as what is said of the
    connection stays with it, and whoever lent it doubles each % of his own for the driver to take it back.
    """
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _filled(statement: str, values: Sequence[object]) -> str:
    """Pure. Return the statement with its values as constants."""
    return renumbered(statement, lambda number: constant_of(values[number - 1])) if values else statement
