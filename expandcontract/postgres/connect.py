"""Connections: a pool whose transactions begin with our settings, and a way around poolers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool
from sqlalchemy.sql.expression import ClauseElement

from expandcontract.model.durations import milliseconds
from expandcontract.model.errors import NotConnected, PoolerInTheWay, ServerAway, ServerTooOld, UsageError
from expandcontract.model.presence import named
from expandcontract.postgres import dialect
from expandcontract.postgres.address import Address
from expandcontract.postgres.message import LEFTOVERS, Query, driver, filled, inlined, marked, send
from expandcontract.postgres.origin import Origins
from expandcontract.postgres.settings import BEGIN, Lifting, settings
from expandcontract.postgres.sqlstate import (
    PASSWORD_REFUSED,
    TIMED_OUT,
    is_away,
    is_disconnect,
    server_message,
    sqlstate,
)
from expandcontract.postgres.whereabouts import Whereabouts, of

OLDEST = 14
#: A server that starts up, fails over or has no connection left is waited for this long.
AWAY_SECONDS = 15.0
#: What a driver that gets no connection raises.
_REFUSALS = (
    OSError,
    TimeoutError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
#: In how many tries a second client must have met the first one's backend, if a pooler shares it.
_POOLER_TRIES = 5

#: How often a session is begun that a timeout of its role ended before ours was in force.
_TOO_SHORT_TRIES = 20

#: A server's start is its own to the microsecond, a standby's is another one; every role may ask for it.
_IDENTITY = """
SELECT pg_catalog.pg_postmaster_start_time(), oid::int8
FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""


class Hope:
    """Whether a server that is away is worth waiting for. Whoever has waited for long enough gives it up for
    all who share it, until there is a connection again.
    """

    def __init__(self) -> None:
        self.given_up = False


class Database:
    """One database, reached through a pool. Bound to the event loop that first uses it.

    Args:
        url: SQLAlchemy URL, libpq URI or libpq key=value string, or where it and a password are found.
        direct_url: likewise, the way around a pooler, for what cannot run inside a transaction. Must lead to
            the same database.
        application_name: the first word of what pg_stat_activity shows, by which our sessions know each
            other; the verb and the change come after it.
        ledger_schema: the schema of the ledger in this database.
        lock_timeout: how long a statement waits for a lock in a transaction that is not patient.

    Raises:
        UsageError: a URL, or a file with it or its password, cannot be read. Passwords are in no message and
            no repr.
    """

    def __init__(
        self,
        url: str | Whereabouts,
        *,
        direct_url: str | Whereabouts | None = None,
        application_name: str = "ec",
        ledger_schema: str = "expandcontract",
        lock_timeout: timedelta = timedelta(milliseconds=100),
    ) -> None:
        self._where = of(url)
        self._direct_where = of(direct_url) if direct_url else self._where
        self.address = self._where.address()
        self.direct_address = self._direct_where.address() if direct_url else None
        self.application_name = application_name
        self.ledger_schema = ledger_schema
        self.lock_timeout = lock_timeout
        self._closed_times = 0
        self._hope = Hope()
        # Last in, first out: a backend that was used a moment ago has the catalog in its caches.
        self._engine = _engine(
            self._where, application_name, self._hope, pool_size=4, max_overflow=-1, pool_use_lifo=True
        )
        # Beside it: who holds a session for long leaves those that have the catalog to others.
        self._held = _engine(self._where, application_name, self._hope, pool_size=1, max_overflow=-1)
        self._direct = _direct_engine(self._direct_where, application_name, self._hope)

    def __repr__(self) -> str:
        return f"Database({self.address})"

    def marked(self, origin: str) -> "Database":
        """Return the same database, whose direct sessions each write under a replication origin of that name.

        They raise MissingPrivilege or Refused where origins cannot be had.
        """
        marked = copy(self)
        marked._direct = _direct_engine(  # noqa: SLF001 - of the same class
            self._direct_where, self.application_name, self._hope, Origins(origin)
        )
        return marked

    @asynccontextmanager
    async def transaction(
        self,
        *,
        patient: bool = False,
        synchronous: bool = True,
        statement_timeout: timedelta | None = None,
        silence: timedelta | None = None,
        first: Sequence[Query] = (),
    ) -> AsyncIterator[AsyncConnection]:
        """Run the body in one transaction, READ COMMITTED, that any exception rolls back.

        Args:
            patient: wait for locks without a limit.
            synchronous: whether the commit waits for the disk.
            statement_timeout: a limit for each statement; none when left out.
            silence: the server ends a session that says nothing for this long: its process was stopped.
            first: goes out with the message that begins; nobody reads what it answers.

        Raises:
            DBAPIError: `first` failed.
            NotConnected: no connection could be made.
            ServerTooOld: the server is older than PostgreSQL 14.
        """
        lock_timeout = "0" if patient else _timeout(self.lock_timeout)
        limits = lock_timeout, _timeout(statement_timeout)
        ours = settings(*limits, local=True, synchronous=synchronous, silence=_timeout(silence))
        closed_times = self._closed_times
        conn = await self._begun(self._engine, *BEGIN, ours, *(marked(filled(each)) for each in first))
        try:
            yield conn
            await _commit(conn)
        finally:
            await self._give_back(conn, closed_times)

    async def at_once(
        self, *statements: ClauseElement | Query, make: Callable[[str], Iterable[Query]] = lambda _: ()
    ) -> None:
        """Run statements that answer nothing in one transaction that is one message; after them those that
        `make` makes of the server's version, such as 18.4.

        Raises DBAPIError, and what `transaction` raises.
        """
        ours = settings(_timeout(self.lock_timeout), "0", local=True, synchronous=True)
        closed_times = self._closed_times
        conn = await _opened(self._engine)
        try:
            version = (await driver(conn)).get_server_version()
            sent = inlined(conn, *statements, *make(f"{version.major}.{version.micro}"))
            await send(conn, *BEGIN, ours, *map(marked, sent), "COMMIT")
        finally:
            await self._give_back(conn, closed_times)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncConnection]:
        """Hold one pooled connection while the body runs, outside of transactions and without our settings.

        The body opens its transactions by `transaction_on`. Behind a pooler the next one may be another
        backend's.

        Raises:
            NotConnected, ServerTooOld: as for `transaction`.
        """
        closed_times = self._closed_times
        # One may have died in the pool, of idle_session_timeout, say.
        conn = await self._begun(self._held, *BEGIN, "ROLLBACK")
        try:
            await conn.rollback()
            yield conn
        finally:
            await self._give_back(conn, closed_times)

    @asynccontextmanager
    async def transaction_on(
        self, conn: AsyncConnection, *, silence: timedelta | None = None
    ) -> AsyncIterator[None]:
        """Run the body in one patient transaction of a `session`; any exception rolls it back. `silence` is
        as for `transaction`.
        """
        ours = settings("0", "0", local=True, synchronous=True, silence=_timeout(silence))
        try:
            await send(conn, *BEGIN, ours)
            yield
            await _commit(conn)
        finally:
            await asyncio.shield(asyncio.ensure_future(_roll_back(conn)))
            # So that the next one may be on another connection, where this one was lost.
            await conn.rollback()

    @asynccontextmanager
    async def direct(
        self,
        *,
        synchronous: bool = True,
        lock_timeout: timedelta | None = None,
        statement_timeout: timedelta | None = None,
    ) -> AsyncIterator[AsyncConnection]:
        """Give a connection of its own where each statement commits by itself.

        Args:
            synchronous: whether commits wait for the disk.
            lock_timeout: a limit for each wait for a lock; none when left out.
            statement_timeout: a limit for each statement; none when left out.

        Raises:
            PoolerInTheWay: there is no direct URL, and a pooler hands other sessions' backends to this one.
            UsageError: the direct URL leads to another database, or to a standby.
            NotConnected, ServerTooOld: as for `transaction`.
        """
        conn = await self._straight()
        try:
            if self.direct_address is None:
                await self._refuse_pooler(conn)
            else:
                await self._refuse_stranger(conn)
            limits = _timeout(lock_timeout), _timeout(statement_timeout)
            await send(conn, settings(*limits, local=False, synchronous=synchronous), "COMMIT")
            yield conn
        finally:
            await _close(conn)

    def give_up(self) -> None:
        """Wait no more for a server that is away: what comes now fails at once, until it is there again."""
        self._hope.given_up = True

    @property
    def given_up(self) -> bool:
        """Whether a server that is away is waited for no more."""
        return self._hope.given_up

    def rests(self, connections: int) -> bool:
        """Whether the pool has this many connections that nobody uses."""
        pool = self._engine.pool
        return isinstance(pool, QueuePool) and pool.checkedin() >= connections

    async def server_version(self) -> int:
        """Return server_version_num. Raises ServerTooOld and NotConnected."""
        async with self.transaction() as conn:
            query = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4"
            return int((await conn.exec_driver_sql(query)).scalar_one())

    async def close(self) -> None:
        """Close the pool; what is in use now, when it is given back. The object can be used again, then with
        new connections.
        """
        self._closed_times += 1
        await self._engine.dispose()
        await self._held.dispose()
        await self._direct.dispose()

    async def _give_back(self, conn: AsyncConnection, closed_times: int) -> None:
        """Return a connection to the pool, or end it: a pool that was closed meanwhile forgets it."""
        await asyncio.shield(asyncio.ensure_future(_end(conn, keep=closed_times == self._closed_times)))

    async def _begun(self, engine: AsyncEngine, *opening: str) -> AsyncConnection:
        """Give a pooled connection to which `opening` was sent; again when it had died in the pool, or a
        timeout of its role was too short even for that.
        """
        again = True
        for _ in range(_TOO_SHORT_TRIES):
            try:
                return await _opened(engine, *opening)
            except Exception as error:
                too_short = sqlstate(error) in TIMED_OUT
                if not (too_short or (is_disconnect(error) and again)):
                    raise
                again = again and too_short
        return await _opened(engine, *opening)

    async def _straight(self) -> AsyncConnection:
        """Give a direct connection in a transaction in which no timeout of its role counts."""
        ours = settings("0", "0", local=True, synchronous=True)
        for _ in range(_TOO_SHORT_TRIES):
            try:
                return await _opened(self._direct, *BEGIN, ours)
            except Exception as error:
                if sqlstate(error) not in TIMED_OUT:
                    raise
        return await _opened(self._direct, *BEGIN, ours)

    async def _refuse_pooler(self, conn: AsyncConnection) -> None:
        """Raise PoolerInTheWay when another client meets our backend while we are still connected.

        A pooler makes up the process id that it sends as cancel key, which settles the usual case without a
        second client. In session mode the backend stays with its client, and all is well.
        """
        if (await driver(conn)).get_server_pid() == await _backend(conn):
            return
        # In a transaction we would keep the backend that the other client has to meet.
        await _roll_back(conn)
        for _ in range(_POOLER_TRIES):
            await send(conn, "BEGIN")  # a statement and its parameters are two messages, to one backend
            mine = await _backend(conn)
            await _roll_back(conn)
            other = await self._straight()
            try:
                met = await _backend(other)
            finally:
                await _close(other)
            if met == mine:
                raise PoolerInTheWay(
                    f"{self.address} is a pooler in transaction mode.",
                    why="A step that cannot run inside a transaction needs a session of its own.",
                    next="Set EC_DIRECT_URL to the server behind the pooler.",
                )

    async def _refuse_stranger(self, conn: AsyncConnection) -> None:
        async with self.transaction() as pooled:
            expected = (await pooled.exec_driver_sql(_IDENTITY)).one()
        if tuple((await conn.exec_driver_sql(_IDENTITY)).one()) != tuple(expected):
            raise UsageError(
                "EC_DIRECT_URL leads to another database than EC_DATABASE_URL.",
                why=f"One is {self.address}, the other {self.direct_address}.",
            )


async def _opened(engine: AsyncEngine, *opening: str) -> AsyncConnection:
    conn = await engine.connect()
    try:
        # Sends nothing. Without it SQLAlchemy would go on with another connection when this one is lost.
        await conn.begin()
        if opening:
            await send(conn, *opening)
    except BaseException:
        await _close(conn)
        raise
    return conn


async def _commit(conn: AsyncConnection) -> None:
    """End the transaction, unless its last message did, and take with it what is temporary and somebody
    else's.
    """
    last = ["DISCARD TEMP"] if conn.info.pop(LEFTOVERS, False) else []
    if (await driver(conn)).is_in_transaction():
        last.append("COMMIT")
    if last:
        await send(conn, *last)


async def _roll_back(conn: AsyncConnection) -> None:
    """End a transaction that failed; where that cannot be said, the session."""
    if conn.invalidated:
        return
    raw = await driver(conn)
    try:
        if raw.is_in_transaction():
            await send(conn, "ROLLBACK")
    except DBAPIError as error:
        await conn.invalidate(error)


async def _backend(conn: AsyncConnection) -> int:
    return int((await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")).scalar_one())


async def _end(conn: AsyncConnection, *, keep: bool) -> None:
    await _roll_back(conn)
    if not conn.invalidated:
        conn.info.pop(LEFTOVERS, None)
    if not keep and not conn.invalidated:
        await conn.invalidate()
    await conn.close()


async def _close(conn: AsyncConnection) -> None:
    """Give the connection back even while this task is being cancelled; what is open is rolled back."""
    await asyncio.shield(asyncio.ensure_future(_end(conn, keep=True)))


def _timeout(duration: timedelta | None) -> str:
    return "0" if duration is None else str(milliseconds(duration))


def _direct_engine(
    where: Whereabouts, application_name: str, hope: Hope, origins: Origins | None = None
) -> AsyncEngine:
    return _engine(where, application_name, hope, origins, poolclass=NullPool)


def _engine(
    where: Whereabouts, application_name: str, hope: Hope, origins: Origins | None = None, **settings: object
) -> AsyncEngine:
    """Make an engine without named statements: behind a pooler the next transaction is another backend's."""
    lifting = Lifting()

    reached = False

    async def connect(**arguments: object) -> "asyncpg.Connection[Any]":
        nonlocal reached
        made = partial(_connected_once, application_name, arguments, lifting, reached=reached)
        connection = await _connected(made, where, hope, reached=reached)
        reached, hope.given_up = True, False
        if origins is not None:
            try:
                await origins.adopt(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    return create_async_engine(
        dialect.URL,
        execution_options={"compiled_cache": dialect.COMPILED},
        connect_args={
            "async_creator_fn": connect,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",
            # No statement is short enough to be kept. Where the driver keeps none at all, it has each parsed
            # twice, lest somebody asks outside of a transaction through a pooler: we never do.
            "statement_cache_size": 1,
            "max_cacheable_statement_size": 1,
        },
        # BEGIN goes out with our settings, COMMIT sometimes with the statements before it: by ourselves.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # rows of the user, in messages of errors
        **settings,
    )


class _Marking(asyncpg.Connection):
    """A connection whose statements say whose they are, and that counts them."""

    questions = 0

    async def execute(self, query: str, *args: object, **options: Any) -> str:  # noqa: ANN401
        self.questions += 1
        return await super().execute(query, *args, **options)

    async def prepare(self, query: str, **options: Any) -> "asyncpg.prepared_stmt.PreparedStatement[Any]":  # noqa: ANN401
        self.questions += 1
        made: asyncpg.prepared_stmt.PreparedStatement[Any]
        made = await super().prepare(marked(query), **options)
        return made


def questions(connection: "asyncpg.Connection[Any]") -> int:
    """Return how many statements and messages a connection of ours has sent so far."""
    return connection.questions if isinstance(connection, _Marking) else 0


async def _connected(
    connect: Callable[[Address], Awaitable["asyncpg.Connection[Any]"]],
    where: Whereabouts,
    hope: Hope,
    *,
    reached: bool,
) -> "asyncpg.Connection[Any]":
    """Connect; wait for a server that is away, and for a file whose password is about to be replaced.
    `reached` says that it led to a server before.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + AWAY_SECONDS, 0.1
    while True:
        address = where.address()
        try:
            return await connect(address)
        except _REFUSALS as error:
            passes = is_disconnect(error) or (where.rotates and sqlstate(error) == PASSWORD_REFUSED)
            if not (is_away(error) or (reached and passes)):
                raise _not_connected(address, error, where) from error
            if hope.given_up or loop.time() + pause > deadline:
                raise _away(address, error) from error
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, 1.0)


async def _connected_once(
    application_name: str, arguments: dict[str, Any], lifting: Lifting, address: Address, *, reached: bool
) -> "asyncpg.Connection[Any]":
    # A server that does not even refuse is waited for no longer than one that does.
    patience = AWAY_SECONDS if reached else 30
    server_settings = {"application_name": named(application_name)}
    if address.options is not None:
        server_settings["options"] = address.options
    connection = await lifting.connect(
        **address.connect_arguments(),
        **arguments,
        connection_class=_Marking,
        server_settings=server_settings,
        timeout=address.connect_timeout_seconds or patience,
    )
    if connection.get_server_version().major < OLDEST:
        await connection.close()
        raise ServerTooOld(
            f"The server is PostgreSQL {connection.get_server_version().major}; {OLDEST} or later is needed."
        )
    return connection


def _not_connected(address: Address, error: Exception, where: Whereabouts) -> NotConnected:
    why = _words(address, error)
    # What the driver raises where the server has no TLS, and where its certificate is another's.
    if where.require_tls and (type(error) is ConnectionError or isinstance(error, ssl.SSLError)):
        why = f"{why.rstrip('.')}. require_tls is set: there is no connection without TLS."
    return NotConnected(f"Cannot connect to {address}.", why=why, next="ec doctor")


def _away(address: Address, error: Exception) -> ServerAway:
    return ServerAway(
        f"{address} takes no connection now.",
        why=f"{_words(address, error)} It was waited for, for {AWAY_SECONDS:g} s.",
        state="What was committed is in the ledger.",
        next="Run the same command again when the server is there.",
    )


def _words(address: Address, error: Exception) -> str:
    message, why = server_message(error)
    text = " ".join(filter(None, (message or type(error).__name__, why)))
    return text.replace(address.password, "***") if address.password else text
