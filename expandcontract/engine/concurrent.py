"""Statements that cannot run in a transaction: recognised by their probe, adopted when they outlived their
client, built anew when they are broken.
"""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from expandcontract.engine.work import Work
from expandcontract.model.events import WaitingForSnapshots
from expandcontract.model.plan import Concurrent
from expandcontract.postgres.blockers import blockers_of

#: How often a build of somebody else, or the sessions that ours waits for, are looked at.
LOOK_SECONDS = 1.0

#: Builds of an index on the table that are under way, ours apart.
_BUILDS = """
SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
WHERE p.relid = pg_catalog.to_regclass($1) AND p.pid <> pg_catalog.pg_backend_pid()
  AND p.datname = pg_catalog.current_database()
"""


async def run(work: Work, step: str, action: Concurrent) -> None:
    """Bring about what the probe calls done. Raises DBAPIError when the statement fails; a broken leftover is
    removed first.
    """
    while (state := await _probe(work, action)) != "done":
        work.context.check_stop(work.name)
        if await _outlived(work, step, action):
            continue
        if state == "broken":
            await _execute(work, step, action.repair)
        try:
            await _execute(work, step, action.statement)
        except DBAPIError:
            # A failed build leaves an invalid index, which every write would have to maintain.
            with suppress(DBAPIError):
                await _execute(work, step, action.repair)
            raise


async def _probe(work: Work, action: Concurrent) -> str:
    async with work.context.database.transaction() as conn:
        return str((await conn.exec_driver_sql(action.probe)).scalar_one())


async def _outlived(work: Work, step: str, action: Concurrent) -> bool:
    """Wait for a build that a dead client left running in the server; return whether there was one."""
    async with work.context.database.transaction() as conn:
        builders = [row[0] for row in await conn.exec_driver_sql(_BUILDS, (action.relation,))]
        if not builders:
            return False
        found = await blockers_of(conn, builders[0], confidential=work.context.policy.confidential)
    work.context.listen(WaitingForSnapshots(step, found))
    await asyncio.sleep(LOOK_SECONDS)
    return True


async def _execute(work: Work, step: str, statement: str) -> None:
    """Run the statement without timeouts, and say meanwhile for whom it waits."""
    async with work.context.database.direct() as conn:
        pid = int((await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")).scalar_one())
        watcher = asyncio.create_task(_watch(work, step, pid))
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


async def _watch(work: Work, step: str, pid: int) -> None:
    said: tuple[int, ...] = ()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        async with work.context.database.transaction() as conn:
            found = await blockers_of(conn, pid, confidential=work.context.policy.confidential)
        pids = tuple(blocker.pid for blocker in found)
        if pids and pids != said:
            work.context.listen(WaitingForSnapshots(step, found))
        said = pids
