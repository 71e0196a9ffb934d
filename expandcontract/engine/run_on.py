"""Phases in which nothing takes time are run through, and what has nothing to contract is finished."""

from expandcontract.engine import hooks, taking_back
from expandcontract.engine.leased_work import Work
from expandcontract.engine.runner import run_phase
from expandcontract.ledger import change as change_writer
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Phase, Section, State, Status

#: Until here nothing that old code needs has gone.
BEFORE_CONTRACT = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)


async def through(work: Work, *, by_size: bool) -> bool:
    """Run the phases that are not done, up to contract, and finish the change where that is all; return
    whether all of them are done.

    Without `by_size` it stops before the first that takes time. Raises what `run_phase` raises: a rule that
    rows break does not stay behind.
    """
    for phase in BEFORE_CONTRACT:
        if work.situation.phases[phase].status == Status.DONE:
            continue
        if not by_size and any(step.by_size for step in work.plan.steps(Section(phase.value))):
            return False
        if phase == Phase.BACKFILL:
            await hooks.begin(work.context, work.situation, Turn.READY)
        try:
            await run_phase(work, phase)
        except StepFailed:
            await taking_back.take_back(work, Section(phase.value))
            raise
    await finish(work)
    return True


async def finish(work: Work) -> None:
    """End a change that has nothing to contract: it claims nothing any more, and rollback takes it back."""
    if work.plan.contracts or work.situation.state != State.ACTIVE:
        return
    context = work.context
    async with context.database.transaction() as conn:
        await work.check(conn)
        await change_writer.become(
            conn, context.tables, work.situation.change_id, State.FINISHED, context.who
        )
    killpoints.reach("finished")
