"""Statements that cannot run in a transaction: recognised by their probe, adopted when they outlived their
client, built anew when they are broken.
"""

import asyncio
import random
import time
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from expandcontract.engine.leased_work import Work
from expandcontract.ledger import lease
from expandcontract.model import killpoints
from expandcontract.model.durations import spell
from expandcontract.model.errors import LockBudgetSpent, StepFailed
from expandcontract.model.events import LockTried, StepRunning, WaitingForSnapshots
from expandcontract.model.phases import Section
from expandcontract.model.step import Concurrent, LockMode, Step
from expandcontract.postgres.activity import builds_on
from expandcontract.postgres.blockers import blockers_of
from expandcontract.postgres.giving_way import giving_way
from expandcontract.postgres.locks import PAUSE_FACTOR
from expandcontract.postgres.message import marked, send
from expandcontract.postgres.sqlstate import QUERY_CANCELED, is_retryable, sqlstate

#: How often a build of somebody else, or the sessions that ours waits for, are looked at.
LOOK_SECONDS = 1.0
#: A build gives way this often at least, however long it takes, before it is given up.
_TRIES = 5


class _Watch:
    """Tells how far the server is with a step, and for whom it waits."""

    def __init__(self, work: Work, section: Section, step: Step, relation: str) -> None:
        self._work, self._section, self._step, self._relation = work, section, step, relation
        self._began = time.monotonic()
        self._said: tuple[int, ...] = ()

    async def outlived(self) -> bool:
        """Wait for a build that a dead client left running in the server; return whether there was one."""
        async with self._work.context.database.transaction() as conn:
            builds = await builds_on(conn, self._relation)
        if not builds:
            return False
        await self._look(builds[0].pid)
        await asyncio.sleep(LOOK_SECONDS)
        return True

    async def follow(self, pid: int) -> None:
        """Look at our own statement once a second."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look(pid)

    async def _look(self, pid: int) -> None:
        context = self._work.context
        async with context.database.transaction() as conn:
            found = await blockers_of(conn, pid, confidential=context.policy.confidential)
            builds = await builds_on(conn, self._relation)
        pids = tuple(blocker.pid for blocker in found)
        if pids and pids != self._said:
            context.listen(WaitingForSnapshots(self._step.id, found, self._step.sentence))
        self._said = pids
        build = next((each for each in builds if each.pid == pid), None)
        seconds = build.seconds if build else time.monotonic() - self._began
        step = self._step
        context.listen(StepRunning(self._work.name, self._section, step.id, step.sentence, seconds, build))


async def is_done(work: Work, section: Section, step: Step, action: Concurrent) -> bool:
    """Return whether the step's work is done already; a build that is running is waited for."""
    watch = _Watch(work, section, step, action.relation)
    while (state := await probe(work, action)) == "broken" and await watch.outlived():
        work.context.check_stop(work.name)
    return state == "done"


async def run(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    """Bring about what the probe calls done, and tell meanwhile how far it is. A broken leftover is removed
    first; what gave way to the application is done again.

    Raises:
        DBAPIError: the statement failed.
        LockBudgetSpent: it gave way again and again, for as long as the lock budget.
    """
    watch = _Watch(work, section, step, action.relation)
    began, tries = time.monotonic(), 0
    while (state := await probe(work, action)) != "done":
        work.context.check_stop(work.name)
        if await watch.outlived():
            continue
        if state == "taken":
            raise _taken(work, step)
        if state == "broken":
            await _execute(work, watch, action.repair)
        try:
            gave_way = not await _execute(work, watch, action.statement)
        except DBAPIError:
            with suppress(DBAPIError):
                await _clear(work, watch, action)
            raise
        if gave_way:
            tries += 1
            await _clear(work, watch, action)
            await _pause(work, action, tries, time.monotonic() - began)
        elif action.again:
            return


def _taken(work: Work, step: Step) -> StepFailed:
    return StepFailed(
        f"This cannot be done, as something else has the name that it needs: {step.sentence}.",
        why="It was made after the plan: another index, of other columns or another table, or not unique.",
        state="Nothing was changed by this step; what was done before it stays.",
        next=f"Rename or drop it, then run the same command again, or: ec status {work.name}",
    )


async def take_back(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    """Run the statements that take a step back, which cannot be in a transaction either."""
    watch = _Watch(work, section, step, action.relation)
    began, tries = time.monotonic(), 0
    for statement in step.reverse:
        while not await _execute(work, watch, statement):
            work.context.check_stop(work.name)
            tries += 1
            await _pause(work, action, tries, time.monotonic() - began)


async def probe(work: Work, action: Concurrent) -> str:
    """Return what is there: `absent`, `done`, `broken` or `taken`."""
    async with work.context.database.transaction() as conn:
        return str((await conn.exec_driver_sql(action.probe)).scalar_one())


async def _clear(work: Work, watch: _Watch, action: Concurrent) -> None:
    """Remove what a failed build left, an invalid index that every write has to maintain; never one that
    somebody finished, or made a moment ago under its name.
    """
    if await probe(work, action) == "broken":
        await _execute(work, watch, action.repair)


async def _pause(work: Work, action: Concurrent, tries: int, spent_seconds: float) -> None:
    """Leave the table to the application, which wanted a lock that we were in the way of."""
    context, policy = work.context, work.context.policy
    pause = PAUSE_FACTOR * policy.lock_timeout.total_seconds() * (1 + random.random())
    spent = tries >= _TRIES and spent_seconds + pause > policy.lock_budget.total_seconds()
    relations, mode = (action.relation,), LockMode.SHARE_UPDATE_EXCLUSIVE
    context.listen(LockTried(relations, mode, tries, 0.0 if spent else pause, ()))
    if spent:
        raise LockBudgetSpent(
            f"{action.statement.partition(' ON ')[0]} gave way to transactions of the application {tries} "
            f"times in {spell(policy.lock_budget)}.",
            why=f"They wrote {action.relation}, and then asked for a lock on it that the build was in the "
            "way of, as ANALYZE, LOCK TABLE and ALTER do: a deadlock, and they would have been its victim.",
            state="Nothing of this step was done.",
        )
    with suppress(TimeoutError):
        await asyncio.wait_for(context.stop.wait(), pause)


async def _execute(work: Work, watch: _Watch, statement: str) -> bool:
    """Run the statement without timeouts, and say meanwhile how far it is. Return False when it gave way."""
    context = work.context
    async with context.database.direct() as conn:
        pid = int((await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")).scalar_one())
        async with giving_way(context.database, pid) as giving:
            # From here on the session sends this one message, or nothing.
            async with context.database.transaction() as pooled:
                await lease.go_apart(pooled, context.tables, work.lease, pid)
            killpoints.reach("apart.registered")
            watcher = asyncio.create_task(watch.follow(pid))
            running = asyncio.create_task(send(conn, marked(statement)))
            stopped = asyncio.create_task(context.stop.wait())
            try:
                await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    # The server ends the statement and leaves what the next run recognises as broken.
                    running.cancel()
                    with suppress(asyncio.CancelledError, DBAPIError):
                        await running
                    context.check_stop(work.name)
                running.result()
            except DBAPIError as error:
                if sqlstate(error) == QUERY_CANCELED and await giving.gave_way():
                    return False
                if not is_retryable(error):
                    raise
                return False
            finally:
                watcher.cancel()
                stopped.cancel()
    return True
