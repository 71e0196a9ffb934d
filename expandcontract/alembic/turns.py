"""One run of migrations at a time, by an advisory lock of PostgreSQL's.

It is asked for again and again, and never waited for: CREATE INDEX CONCURRENTLY waits for every session that
holds a snapshot, and whoever waits in `pg_advisory_lock` holds one: the two would wait for each other.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, Pool, PoolResetState

from expandcontract.alembic.signals import listening
from expandcontract.alembic.telling import failure, log
from expandcontract.model.errors import Interrupted, LockBudgetSpent
from expandcontract.settings.single import setting

#: The same in every project: two of them in one database take turns as well.
LOCK = int.from_bytes(b"ec turns")
EVERY_SECONDS = 0.2
#: Under this key of the driver's connection stands what gives the lock back with it.
_HELD = "expandcontract turn"
_HOLDER = f"""
SELECT l.pid, a.application_name, pg_catalog.date_trunc('second', a.backend_start)::pg_catalog.text
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid
WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.objsubid OPERATOR(pg_catalog.=) 1 AND l.granted
AND l.database OPERATOR(pg_catalog.=) (
    SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
)
AND l.classid::pg_catalog.int8 OPERATOR(pg_catalog.=) {LOCK >> 32}
AND l.objid::pg_catalog.int8 OPERATOR(pg_catalog.=) {LOCK & 0xFFFFFFFF}
""".strip()


class Turn(Protocol):
    """A lock that is held until what Alembic does is committed, or its connection ends."""

    def over(self, *, moved: bool = True) -> None:
        """Give it back together with what Alembic has not committed yet; `moved` says whether it has any."""

    def dropped(self, driver: Any) -> None:  # noqa: ANN401 - a DBAPI connection
        """Give it back as the connection goes back to its pool; what was open there is rolled back."""


def take(connection: Connection, budget: Callable[[], timedelta]) -> Turn:
    """Return the turn, once nobody else has it. Leaves the connection as it was: outside of a transaction
    where it was, or Alembic would take one for somebody else's.

    Raises CommandError where that takes longer than `budget`, which is asked for where somebody has it.
    """
    turn = _tried(connection) or _waited(connection, budget())
    pool = connection.engine.pool
    if not event.contains(pool, "reset", _dropped):
        event.listen(pool, "reset", _dropped)
    connection.info[_HELD] = turn
    return turn


def is_direct(connection: Connection) -> bool:
    """Return whether the turn was taken by the session of this connection, which is known not to be a
    pooler's.
    """
    return isinstance(connection.info.get(_HELD), _OnIt) and known_pid(connection) is not None


def _waited(connection: Connection, budget: timedelta) -> Turn:
    until, stopped = time.monotonic() + budget.total_seconds(), list[None]()
    log.info("Another run of migrations is at work on this database: waiting for it.")
    with listening(lambda: stopped.append(None), lambda: None):
        while (turn := _tried(connection)) is None:
            if stopped:
                raise failure(Interrupted("Stopped.", state="Nothing was run."))
            if time.monotonic() >= until:
                raise failure(_spent(connection, budget))
            time.sleep(EVERY_SECONDS)
    return turn


def _tried(connection: Connection) -> Turn | None:
    """Return the turn, or None where somebody else has it."""
    pid = known_pid(connection)
    # In one statement, as it is the backend's lock: through a pooler the next may go to another backend.
    mine = f"CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {pid} THEN {{}} END"
    ask = f"pg_catalog.pg_try_advisory_lock({LOCK})"
    got = _asked(connection, f"SELECT {mine.format(ask) if pid else ask}")
    if got is None:
        return _Beside.tried(connection)
    return _OnIt(connection) if got else None


def _asked(connection: Connection, query: str) -> Any:  # noqa: ANN401 - a value
    began = not connection.in_transaction()
    found = connection.exec_driver_sql(query).scalar()
    if began:
        connection.commit()
    return found


def known_pid(connection: Connection) -> int | None:
    """Return the backend of which the driver was told as it connected, which a pooler makes up; None where
    the driver does not say.
    """
    raw: Any = connection.connection.driver_connection
    asked = getattr(raw, "get_server_pid", None)  # asyncpg
    found = asked() if callable(asked) else getattr(getattr(raw, "info", None), "backend_pid", None)
    return found if isinstance(found, int) else None


class _OnIt:
    """A lock of the session that Alembic uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def over(self, *, moved: bool = True) -> None:
        if not moved and isinstance(self._connection.engine.pool, NullPool):
            return  # it ends with the connection
        free = f"pg_catalog.pg_advisory_unlock({LOCK})"
        if self._connection.in_transaction():
            # Handed to the transaction: nobody reads the version before it is committed.
            free = f"pg_catalog.pg_try_advisory_xact_lock({LOCK}), {free}"
        _asked(self._connection, f"SELECT {free}")
        self._connection.info.pop(_HELD, None)

    def dropped(self, driver: Any) -> None:  # noqa: ANN401
        driver.rollback()
        cursor = driver.cursor()
        cursor.execute(f"SELECT pg_catalog.pg_advisory_unlock({LOCK})")
        cursor.close()
        driver.commit()


class _Beside:
    """A lock of a transaction on a connection of its own, where Alembic's goes through a pooler: a session's
    lock would stay behind in the pooler's backend. It goes to the server directly where that is known.
    """

    def __init__(self, connection: Connection, pool: Pool) -> None:
        self._connection, self._pool = connection, pool
        self._held = pool.connect()

    @classmethod
    def tried(cls, connection: Connection) -> "_Beside | None":
        beside = cls(connection, _direct(connection) or connection.engine.pool.recreate())
        cursor = beside._held.cursor()
        cursor.execute(
            f"SELECT pg_catalog.pg_try_advisory_xact_lock({LOCK}), pg_catalog.set_config(name, '0', true) "
            "FROM pg_catalog.pg_settings "
            "WHERE name OPERATOR(pg_catalog.=) "
            "ANY ('{idle_in_transaction_session_timeout,transaction_timeout}')"
        )
        rows = cursor.fetchall()
        # The protocol keeps that SELECT open, and its snapshot, until another statement comes.
        for statement in ("SAVEPOINT ec", "RELEASE SAVEPOINT ec"):
            cursor.execute(statement)
        cursor.close()
        if rows[0][0]:
            return beside
        beside.dropped(None)
        return None

    def over(self, *, moved: bool = True) -> None:
        del moved
        if not self._connection.in_transaction():
            self._connection.info.pop(_HELD, None)
            self.dropped(None)

    def dropped(self, driver: Any) -> None:  # noqa: ANN401
        del driver
        self._held.close()
        self._pool.dispose()


def _direct(connection: Connection) -> Pool | None:
    direct = setting("direct_url")
    if direct is None:
        return None
    try:
        url = make_url(direct).set(drivername=connection.engine.url.drivername)
    except ArgumentError:  # libpq's key=value
        return None
    return create_engine(url, poolclass=NullPool).pool


def _dropped(driver: Any, record: Any, state: PoolResetState) -> None:  # noqa: ANN401 - SQLAlchemy's event
    """Give the lock back where a run ended in between; a connection that is closed gives it back itself."""
    turn: Turn | None = None if record is None else record.info.pop(_HELD, None)
    if turn is not None and state.asyncio_safe:
        turn.dropped(driver)


def _spent(connection: Connection, budget: timedelta) -> LockBudgetSpent:
    began = not connection.in_transaction()
    holders = connection.exec_driver_sql(_HOLDER).all()
    if began:
        connection.commit()
    return LockBudgetSpent(
        f"Another run of migrations has been at work for longer than the lock budget of {budget}.",
        why="; ".join(
            f"It is process {pid} ({name or 'no name'}) since {since}" for pid, name, since in holders
        ),
        state="Nothing was run.",
        next="the same command again",
    )
