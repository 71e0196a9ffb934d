"""A unit of work that is run again where the server says that it may be."""

import asyncio
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from expandcontract.orm.survival import outdated, sqlstates

#: serialization_failure and deadlock_detected: the same transaction may pass when it is run again.
AGAIN = frozenset({"40001", "40P01"})
#: How often a unit is run at most.
TRIES = 5
#: The longest wait after the first try; it doubles with each.
FIRST_WAIT = timedelta(milliseconds=50)
LONGEST_WAIT = timedelta(seconds=1)

_NO_UNIT = (
    "retrying: a unit of work is a function, of an async_sessionmaker an async one, and no generator: it is "
    "over when it returns."
)

T = TypeVar("T")
S = TypeVar("S", bound=Session)
A = TypeVar("A", bound=AsyncSession)


@dataclass(frozen=True)
class Retrying(Generic[S]):
    """Runs units of work, each in a session and a transaction of its own. See `retrying`."""

    sessions: sessionmaker[S]
    tries: int = TRIES

    def __call__(self, work: Callable[[S], T]) -> T:
        """Run `work` with a session, commit, and return what it returns."""
        for last, wait in _waits(self.tries):
            with self.sessions() as session:
                event.listen(session, "after_begin", _require_transaction)
                try:
                    with session.begin():
                        return self._run(work, session)
                except DBAPIError as error:
                    if last or not may_run_again(error):
                        raise
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _run(self, work: Callable[[S], T], session: S) -> T:
        try:
            result = work(session)
            _require_over(result)
            session.flush()
        except DBAPIError as error:
            if outdated(error):
                session.invalidate()
            raise
        return result


@dataclass(frozen=True)
class AsyncRetrying(Generic[A]):
    """Runs units of work, each in a session and a transaction of its own. See `retrying`."""

    sessions: async_sessionmaker[A]
    tries: int = TRIES

    async def __call__(self, work: Callable[[A], Awaitable[T]]) -> T:
        """Run `work` with a session, commit, and return what it returns."""
        for last, wait in _waits(self.tries):
            async with self.sessions() as session:
                event.listen(session.sync_session, "after_begin", _require_transaction)
                try:
                    async with session.begin():
                        return await self._run(work, session)
                except DBAPIError as error:
                    if last or not may_run_again(error):
                        raise
            await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _run(self, work: Callable[[A], Awaitable[T]], session: A) -> T:
        try:
            begun = work(session)
            if not inspect.isawaitable(begun):
                raise TypeError(_NO_UNIT)
            result = await begun
            _require_over(result)
            await session.flush()
        except DBAPIError as error:
            if outdated(error):
                await session.invalidate()
            raise
        return result


@overload
def retrying(sessions: sessionmaker[S], *, tries: int = TRIES) -> Retrying[S]: ...


@overload
def retrying(sessions: async_sessionmaker[A], *, tries: int = TRIES) -> AsyncRetrying[A]: ...


def retrying(sessions: Any, *, tries: int = TRIES) -> Any:
    """Return what runs units of work, again where the server says that they may be.

        run = retrying(async_sessionmaker(engine))
        user = await run(lambda session: session.get(User, 1))

    Args:
        sessions: a sessionmaker, or an async_sessionmaker; what is returned is called, or awaited, with a
            function that takes a session of it.
        tries: how often a unit is run at most. Between two tries it waits a random time, of 50 ms at most
            after the first, twice as long after each further one, and one second at most.

    A unit is run again after a plan that no longer fits (see `survive`), after a serialization failure
    (40001) and a deadlock (40P01), its commit included. Each time it has another session, and nothing of the
    try before is in the database. All other errors, and the last one, are raised as they are: after a
    connection that was lost while it committed nobody knows whether it did.

    So a unit must do nothing outside of its session that may not be done twice: send no mail, append to no
    list of the caller's, begin no other transaction. It must not catch such errors itself, must not commit,
    and return no generator nor query that is read after it ended: what it returns is read before, or is
    detached (`expire_on_commit=False`).

    Raises TypeError for a generator, or a coroutine where there is no asyncio; ValueError for connections in
    AUTOCOMMIT, where every statement stands for itself and would be run twice, before the first one.
    """
    if tries < 1:
        raise ValueError("tries: a unit is run once at least")
    return (
        AsyncRetrying(sessions, tries)
        if isinstance(sessions, async_sessionmaker)
        else Retrying(sessions, tries)
    )


def may_run_again(error: DBAPIError) -> bool:
    """Return whether a transaction that failed so may pass when it is run again."""
    return outdated(error) or not AGAIN.isdisjoint(sqlstates(error))


def _waits(tries: int) -> Iterator[tuple[bool, float]]:
    """Yield of each try whether it is the last one, and how many seconds to wait after it."""
    longest = FIRST_WAIT
    for number in range(1, tries + 1):
        # From zero on: those that were in each other's way come apart.
        yield number == tries, random.uniform(0, longest.total_seconds())
        longest = min(longest * 2, LONGEST_WAIT)


def _require_transaction(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if getattr(connection.connection.dbapi_connection, "autocommit", False):
        raise ValueError(
            "retrying: the engine is in AUTOCOMMIT. What ran before an error would be run twice: "
            "give the sessionmaker an engine with transactions."
        )


def _require_over(result: object) -> None:
    """Raise TypeError where a unit has returned, and has not run yet."""
    if inspect.iscoroutine(result):
        result.close()
    if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError(_NO_UNIT)
