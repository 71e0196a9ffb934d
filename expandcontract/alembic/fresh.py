"""Tables without a row: operations on Alembic's own connection, in its own transaction.

Nobody waits for anybody there, and nothing is committed between a change and the version row. Whichever
driver Alembic uses will do; one without asyncio is asked from a thread with a loop of its own. Names without
a schema are those of Alembic's connection, a tenant's say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.alembic.revisions import Operation
from expandcontract.alembic.spoken import change_of
from expandcontract.engine import fresh, planner
from expandcontract.engine.context import Context
from expandcontract.engine.verbs.start import Consent
from expandcontract.model.change import Change
from expandcontract.model.names import Target
from expandcontract.model.situation import Situation
from expandcontract.postgres.borrowed import lent

if TYPE_CHECKING:
    from expandcontract.alembic.migration_run import Said
    from expandcontract.alembic.operations import EcOperation

T = TypeVar("T")


def carried(migration: MigrationContext, said: "Said", context: Context, operation: "EcOperation") -> bool:
    """Carry out an operation where the tables that it is about have no row and are free; return whether that
    was so. Otherwise nothing was done.

    Raises EcError.
    """
    work = _CARRIED.get(operation.operation)
    if work is None or not _in_transaction(migration):
        return False
    path = said.home.path
    return on_alembics(
        migration, lambda conn: fresh.at_once(conn, context, partial(work, conn, context, operation), path)
    )


def passes(migration: MigrationContext, said: "Said", context: Context, change: str) -> bool:
    """Return whether a change that began in this transaction can be contracted in it: nobody wrote since."""
    if not _in_transaction(migration):
        return False
    path = said.home.path
    return on_alembics(
        migration,
        lambda conn: fresh.at_once(conn, context, partial(fresh.require_empty, conn, context, change), path),
    )


async def is_to_be_used(context: Context, change: Change) -> bool:
    """Return whether the table of a change that is to begin has or had a row; not one that is to come."""
    if planner.makes_table(change):
        return False
    async with context.database.transaction() as conn:
        return await fresh.is_used(conn, planner.target(change))


async def is_used(context: Context, situation: Situation) -> bool:
    """Return whether the table of a change has or had a row, or old code was seen to write it."""
    target = Target(situation.table.schema, situation.table.name, "")
    if situation.old_writers:
        return True
    async with context.database.transaction() as conn:
        return await fresh.is_used(conn, target)


def on_alembics(migration: MigrationContext, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do something on Alembic's own connection."""
    connection = migration.connection
    assert connection is not None  # noqa: S101 - offline nothing is carried out
    if connection.dialect.driver == "asyncpg":
        return Operations(migration).run_async(work)

    async def lending() -> T:
        return await work(lent(connection))

    if connection.dialect.is_async:
        return _at_once(lending())
    with ThreadPoolExecutor(1, "ec") as pool:
        return pool.submit(lambda: asyncio.run(lending())).result()


def _at_once(work: Coroutine[None, None, T]) -> T:
    """Do what waits for nothing but a connection that is lent: where Alembic runs, SQLAlchemy has the loop of
    env.py wait for that.
    """
    try:
        work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise RuntimeError("something was awaited beside the connection")


def _in_transaction(migration: MigrationContext) -> bool:
    """Whether what is done now is committed by Alembic: not where each statement commits by itself."""
    connection = migration.connection
    return connection is not None and connection.in_transaction()


async def _begin(conn: AsyncConnection, context: Context, operation: "EcOperation") -> None:
    consent = Consent(acknowledged=frozenset(operation.options.get("acknowledge", ())))
    await fresh.begin(conn, context, change_of(operation), consent)


async def _contract(conn: AsyncConnection, context: Context, operation: "EcOperation") -> None:
    await fresh.contract(conn, context, operation.words[0])


async def _undo(conn: AsyncConnection, context: Context, operation: "EcOperation") -> None:
    await fresh.undo(conn, context, operation.words[0])


async def _rollback(conn: AsyncConnection, context: Context, operation: "EcOperation") -> None:
    await fresh.rollback(conn, context, operation.words[0])


_CARRIED: Mapping[Operation, Callable[[AsyncConnection, Context, Any], Awaitable[None]]] = {
    Operation.START: _begin,
    Operation.RUN: _begin,
    Operation.CONTRACT: _contract,
    Operation.UNDO: _undo,
    Operation.ROLLBACK: _rollback,
}
