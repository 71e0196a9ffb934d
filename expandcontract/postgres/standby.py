"""Hot standbys: replay of an ACCESS EXCLUSIVE lock waits for queries there, and then cancels them."""

import asyncio
import time
from collections.abc import Sequence

from expandcontract.model.durations import spell
from expandcontract.model.errors import Interrupted, LockBudgetSpent
from expandcontract.model.events import Listener, WaitingForSnapshots
from expandcontract.model.policy import Policy
from expandcontract.model.step import Lock, LockMode
from expandcontract.postgres.blockers import holders_of
from expandcontract.postgres.connect import Database

LOOK_SECONDS = 0.2


async def wait_until_unused(
    standby: Database, locks: Sequence[Lock], policy: Policy, listen: Listener, stop: asyncio.Event
) -> None:
    """Wait until no session of the standby uses the tables that are about to be locked.

    Only ACCESS EXCLUSIVE is replayed on a standby (manual, "Handling Query Conflicts"); other locks pass
    unnoticed. A query that begins there in the moment between this look and the replay is held up for as long
    as the lock is.

    Raises:
        LockBudgetSpent: somebody used them for longer than lock_budget. Nothing was done.
        Interrupted: `stop` was set. Nothing was done.
    """
    tables = [lock.relation for lock in locks if lock.mode == LockMode.ACCESS_EXCLUSIVE]
    deadline = time.monotonic() + policy.lock_budget.total_seconds()
    said: tuple[int, ...] = ()
    while tables:
        async with standby.transaction() as conn:
            users = await holders_of(conn, tables, confidential=policy.confidential)
        if not users:
            return
        pids = tuple(user.pid for user in users)
        if pids != said:
            listen(WaitingForSnapshots("standby", users))
        said = pids
        if stop.is_set():
            raise Interrupted(
                "Interrupted while the standby was busy.", state="Nothing of this step was done."
            )
        if time.monotonic() > deadline:
            raise LockBudgetSpent(
                f"The standby used {', '.join(tables)} for {spell(policy.lock_budget)}.",
                why=f"In the way: {'; '.join(map(str, users))}.",
                state="Nothing of this step was done.",
            )
        await asyncio.sleep(LOOK_SECONDS)
