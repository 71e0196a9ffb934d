"""`ec wait`: for deploy pipelines. Changes nothing but what the ledger knows of who is still old."""

import asyncio
import time
from datetime import timedelta

from expandcontract import gates
from expandcontract.engine.allowed_verbs import place, require_undamaged
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import status
from expandcontract.model.errors import AmbiguousChange, TimeIsUp, UnknownChange, WrongState
from expandcontract.model.phases import Stage, State
from expandcontract.model.situation import Situation

EVERY_SECONDS = 1.0
#: Stages from which a goal cannot come any more without somebody's decision.
HOPELESS = {
    "ready": frozenset({Stage.ROLLED_BACK}),
    "contractable": frozenset({Stage.HIDDEN, Stage.PURGED, Stage.ROLLED_BACK, Stage.FINISHED}),
    "hidden": frozenset({Stage.ROLLED_BACK, Stage.FINISHED}),
}
#: Goals that are called otherwise where they are told.
_WORDS = {"hidden": "contracted"}


async def wait(context: Context, name: str | None, goal: str, timeout: timedelta | None) -> Situation:  # noqa: ASYNC109 - the operator's, not the task's
    """Return the change once it is `ready`, `contractable` or `hidden`. New code may run from ready on, after
    contract and purge too; what is purged was hidden.

    Raises TimeIsUp, WrongState when it cannot get there, NotReady when somebody damaged it and nobody is at
    work on it, UnknownChange, Interrupted.
    """
    deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
    while True:
        situation = await _one(context, name)
        if _reached(situation, goal):
            return situation
        if situation.stage in HOPELESS[goal]:
            raise WrongState(
                f"{situation.name} will not be {_WORDS.get(goal, goal)}.",
                state=place(situation),
                next=f"ec status {situation.name}",
            )
        if goal != "hidden" and not any(holder.alive for holder in situation.holders):
            require_undamaged(situation)
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeIsUp(
                f"{situation.name} is not {_WORDS.get(goal, goal)} yet.",
                why=_obstacle(situation, goal),
                state=place(situation),
                next=f"ec status {situation.name}",
            )
        context.check_stop(situation.name)
        await asyncio.sleep(EVERY_SECONDS)


async def _one(context: Context, name: str | None) -> Situation:
    if name is not None:
        return await status.one(context, name)
    open_ = [s for s in await status.load(context) if s.state in (State.ACTIVE, State.HIDDEN)]
    if len(open_) == 1:
        return open_[0]
    if open_:
        raise AmbiguousChange(
            f"{len(open_)} changes are open: {', '.join(s.name for s in open_)}.",
            next=f"ec wait {open_[0].name}",
        )
    raise UnknownChange("No change is open.", next="ec status")


def _reached(situation: Situation, goal: str) -> bool:
    match goal:
        case "ready":
            return situation.deployable
        case "contractable":
            return situation.ready and all(verdict.open for verdict in gates.judge_all(situation))
        case _:
            return situation.state in (State.HIDDEN, State.PURGED)


def _obstacle(situation: Situation, goal: str) -> str:
    if goal == "ready" or not situation.ready:
        return ""
    return "; ".join(f"{v.gate}: {v.reason}" for v in gates.judge_all(situation) if not v.open)
