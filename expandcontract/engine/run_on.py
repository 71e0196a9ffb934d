"""Phases in which nothing takes time are run through, and what has nothing to contract is finished."""

from expandcontract.engine import hooks, taking_back
from expandcontract.engine.leased_work import Work
from expandcontract.engine.runner import begin_phase, end_phase, record, run_phase, run_step
from expandcontract.ledger import change as change_writer
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.step import Occasion, Sweep

#: Until here nothing that old code needs has gone.
BEFORE_CONTRACT = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)


async def through(work: Work, *, by_size: bool) -> bool:
    """Run the phases that are not done, up to contract, and finish the change where that is all; return
    whether all of them are done.

    Without `by_size` it stops before the first that takes time, and in any case before one that looks at all
    rows, which is the work of a sweep. Raises what `run_phase` raises: a rule that
    rows break does not stay behind.
    """
    for phase in BEFORE_CONTRACT:
        if work.situation.phases[phase].status == Status.DONE:
            continue
        steps = work.plan.steps(Section(phase.value))
        if any(isinstance(step.action, Sweep) or (step.by_size and not by_size) for step in steps):
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
    for step in work.plan.upon(Occasion.FINISHED):
        await run_step(work, Section.REPAIR, step)
    async with work.transaction() as conn:
        await change_writer.become(
            conn, context.tables, work.situation.change_id, State.FINISHED, context.who
        )
    killpoints.reach("finished")


async def uncounted(work: Work) -> None:
    """Go on to contract where nobody counted the rows that a rule would refuse, as somebody acknowledged:
    PostgreSQL's own validation finds them.
    """
    if work.plan.pair is not None or work.situation.phases[Phase.VERIFY].status == Status.DONE:
        return
    await begin_phase(work, Phase.VERIFY)
    async with work.transaction() as conn:
        for step in work.plan.steps(Section.VERIFY):
            await record(work, conn, Section.VERIFY, step, 0.0)
    await end_phase(work, Phase.VERIFY)
