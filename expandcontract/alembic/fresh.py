"""Tables without a row: operations on Alembic's own connection, in its own transaction.

Nobody waits for anybody there, and nothing is committed between a change and the version row. Whichever
driver Alembic uses will do; one without asyncio is asked from a thread with a loop of its own. Names without
a schema are those of Alembic's connection, a tenant's say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.alembic import tenants, turns
from expandcontract.alembic.revisions import Operation
from expandcontract.alembic.spoken import change_of
from expandcontract.engine import empty_tables, fresh, planner
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
    judged = _judged(migration, said, operation)
    return on_alembics(
        migration,
        lambda conn: fresh.at_once(
            conn, context, partial(work, conn, context, operation, judged), said.home.path
        ),
    )


def _judged(migration: MigrationContext, said: "Said", operation: "EcOperation") -> fresh.Held | None:
    """Return what `passes` found, for the first that is carried out after it in the same transaction: what
    was locked then is locked still, and nothing was done since.
    """
    found = said.judged.get(operation.words[0]) if operation.operation == Operation.CONTRACT else None
    said.judged.clear()
    if found is None or migration.connection is None:
        return None
    transaction, held = found
    return held if migration.connection.get_transaction() is transaction else None


def passes(migration: MigrationContext, said: "Said", context: Context, change: str) -> bool:
    """Return whether a change that began in this run can be contracted in it: nobody wrote since."""
    connection = migration.connection
    if connection is not None and not connection.in_transaction():
        # Between two revisions that have a transaction each. In AUTOCOMMIT it is none, and nothing passes.
        with connection.begin():
            return passes(migration, said, context, change)
    found = list[fresh.Held | None]()

    async def judge(conn: AsyncConnection) -> bool:
        async def held() -> None:
            found.append(await fresh.contractable(conn, context, change))

        return await fresh.at_once(conn, context, held, said.home.path)

    passing = on_alembics(migration, judge)
    if passing and found[0] is not None and migration.connection is not None:
        said.judged[change] = migration.connection.get_transaction(), found[0]
    return passing


def looked(
    migration: MigrationContext,
    said: "Said",
    context: Context,
    look: Callable[[AsyncConnection], Awaitable[bool]],
) -> bool:
    """Return what `look` says on Alembic's own connection, of which nothing stays. False where that would say
    nothing of the connections of ec: a pooler may be in between, or they go elsewhere.
    """
    connection = migration.connection
    if connection is None or not _in_transaction(migration) or context.database.direct_address is not None:
        return False
    same = said.url == tenants.rendered(connection.engine.url)
    if not same or not turns.is_direct(connection):
        return False
    return on_alembics(
        migration, lambda conn: fresh.looking(conn, context, partial(look, conn), said.home.path)
    )


def to_be_used(said: "Said", change: Change) -> tuple[Target, ...]:
    """Return the table of a change that is to begin; none where that is to come. A tenant's is its own: until
    a revision has made it, its name may lead to one that all have.
    """
    if planner.makes_table(change):
        return ()
    target = planner.target(change)
    return (target if target.schema else replace(target, schema=said.home.first),)


def used(situation: Situation) -> Target:
    """Return the table of a change."""
    return Target(situation.table.schema, situation.table.name, "")


async def is_to_be_used(said: "Said", context: Context, change: Change) -> bool:
    """Return whether the table of a change that is to begin has or had a row; not one that is to come."""
    return await _are_used(context, to_be_used(said, change))


async def is_used(context: Context, situation: Situation) -> bool:
    """Return whether the table of a change has or had a row, or old code was seen to write it."""
    return bool(situation.old_writers) or await _are_used(context, [used(situation)])


async def _are_used(context: Context, targets: Sequence[Target]) -> bool:
    if not targets:
        return False
    try:
        async with context.database.transaction() as conn:
            return await empty_tables.are_used(conn, targets)
    except DBAPIError:
        return True


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


async def _begin(conn: AsyncConnection, context: Context, operation: "EcOperation", *_: object) -> None:
    consent = Consent(acknowledged=frozenset(operation.options.get("acknowledge", ())))
    await fresh.begin(conn, context, change_of(operation), consent)


async def _contract(
    conn: AsyncConnection, context: Context, operation: "EcOperation", judged: fresh.Held | None
) -> None:
    await fresh.contract(conn, context, operation.words[0], judged)


async def _undo(conn: AsyncConnection, context: Context, operation: "EcOperation", *_: object) -> None:
    await fresh.undo(conn, context, operation.words[0])


async def _rollback(conn: AsyncConnection, context: Context, operation: "EcOperation", *_: object) -> None:
    await fresh.rollback(conn, context, operation.words[0])


_CARRIED: Mapping[
    Operation, Callable[[AsyncConnection, Context, Any, fresh.Held | None], Awaitable[None]]
] = {
    Operation.START: _begin,
    Operation.RUN: _begin,
    Operation.CONTRACT: _contract,
    Operation.UNDO: _undo,
    Operation.ROLLBACK: _rollback,
}
