"""Statements that cannot run in a transaction: recognised by their probe, adopted when they outlived their
client, built anew when they are broken.
"""

import asyncio
import time
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from expandcontract.engine.work import Work
from expandcontract.model.errors import StepFailed
from expandcontract.model.events import StepRunning, WaitingForSnapshots
from expandcontract.model.phases import Section
from expandcontract.model.plan import Concurrent, Step
from expandcontract.postgres.activity import builds_on
from expandcontract.postgres.blockers import blockers_of

#: How often a build of somebody else, or the sessions that ours waits for, are looked at.
LOOK_SECONDS = 1.0


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
            context.listen(WaitingForSnapshots(self._step.id, found))
        self._said = pids
        build = next((each for each in builds if each.pid == pid), None)
        seconds = build.seconds if build else time.monotonic() - self._began
        step = self._step
        context.listen(StepRunning(self._work.name, self._section, step.id, step.sentence, seconds, build))


async def run(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    """Bring about what the probe calls done, and tell meanwhile how far it is. Raises DBAPIError when the
    statement fails; a broken leftover is removed first.
    """
    watch = _Watch(work, section, step, action.relation)
    while (state := await probe(work, action)) != "done":
        work.context.check_stop(work.name)
        if await watch.outlived():
            continue
        if state == "taken":
            raise _taken(work, step)
        if state == "broken":
            await _execute(work, watch, action.repair)
        try:
            await _execute(work, watch, action.statement)
        except DBAPIError:
            # A failed build leaves an invalid index, which every write would have to maintain. What has the
            # name may also be somebody else's, made a moment ago.
            with suppress(DBAPIError):
                if await probe(work, action) == "broken":
                    await _execute(work, watch, action.repair)
            raise


def _taken(work: Work, step: Step) -> StepFailed:
    return StepFailed(
        f"Step {step.id} cannot be done: something else has the name that it needs ({step.sentence}).",
        why="It was made after the plan: another index, of other columns or another table, or not unique.",
        state="Nothing was changed by this step; what was done before it stays.",
        next=f"Rename or drop it, then run the same command again, or: ec status {work.name}",
    )


async def take_back(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    """Run the statements that take a step back, which cannot be in a transaction either."""
    watch = _Watch(work, section, step, action.relation)
    for statement in step.reverse:
        await _execute(work, watch, statement)


async def probe(work: Work, action: Concurrent) -> str:
    """Return what is there: `absent`, `done`, `broken` or `taken`."""
    async with work.context.database.transaction() as conn:
        return str((await conn.exec_driver_sql(action.probe)).scalar_one())


async def _execute(work: Work, watch: _Watch, statement: str) -> None:
    """Run the statement without timeouts, and say meanwhile how far it is."""
    async with work.context.database.direct() as conn:
        pid = int((await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")).scalar_one())
        watcher = asyncio.create_task(watch.follow(pid))
        running = asyncio.create_task(conn.exec_driver_sql(statement))
        stopped = asyncio.create_task(work.context.stop.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                # The server ends the statement and leaves what the next run recognises as broken.
                running.cancel()
                with suppress(asyncio.CancelledError, DBAPIError):
                    await running
                work.context.check_stop(work.name)
            running.result()
        finally:
            watcher.cancel()
            stopped.cancel()
