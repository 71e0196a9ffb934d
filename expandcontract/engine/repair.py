"""What came loose is put back, and what drifted meanwhile is filled again from the old side."""

from expandcontract.engine import situation as situations
from expandcontract.engine import taking_back
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.runner import run_step
from expandcontract.engine.sweep_rounds import SweepPace, copy_to_end
from expandcontract.model.errors import StepFailed
from expandcontract.model.phases import Section, State
from expandcontract.model.situation import Situation


async def repair(context: Context, situation: Situation, pace: SweepPace, *, verb: str) -> None:
    """Restore the trigger where it does not stand, then look at every row of all leaves.

    A row that is out of sync is filled from the old side; what the new side held is kept in `conflict`.
    """
    async with leased(context, situation, verb) as work:
        await restore(work)
        await taking_back.take_back_left(work)
        await copy_to_end(work, pace, anew=True)


async def restore(work: Work) -> bool:
    """Put back what the plan keeps up, the sync trigger or a view in a table's place, where it is not as it
    must be; return whether it had to be.

    Raises StepFailed where a child table came after the plan, or where a column of the pair is gone: then
    there is nothing to put it on.
    """
    situation = work.situation
    if not situation.live.sync_faults:
        return False
    _require_columns(situation)
    step = situation.plan.restoring(situation.stage)
    if step is None:
        return False
    work.context.notice(work.name, f"Put back: {step.sentence}. {' '.join(situation.live.sync_faults)}")
    await run_step(work, Section.REPAIR, step)
    _require_restored(await situations.one(work.context, work.name))
    return True


async def make_again(work: Work) -> None:
    """Build again what the new side had when it was ready, and somebody dropped since."""
    situation = work.situation
    for lost in situation.live.lost:
        work.context.notice(work.name, f"{lost.sentence(situation.plan)} It is made again.")
    for step in situation.plan.steps(Section.BACKFILL):
        if any(lost.sql in step.brings for lost in situation.live.lost):
            await run_step(work, Section.BACKFILL, step)


def _require_columns(situation: Situation) -> None:
    """Raise StepFailed with the way out where a column was dropped or renamed."""
    live, plan = situation.live, situation.plan
    if not live.missing_columns:
        _require_types(situation)
        return
    new_is_gone = live.missing_columns == (plan.new_column,) and situation.state == State.ACTIVE
    raise StepFailed(
        " ".join(live.column_faults),
        why="Without it there is nothing to keep in sync.",
        state="Nothing was repaired; writes may fail in the sync trigger, where that still stands.",
        next=f"ec rollback {situation.name} and start again, or rename the column back"
        if new_is_gone
        else f"Rename the column back, then: ec backfill {situation.name}",
    )


def _require_types(situation: Situation) -> None:
    if situation.live.retyped:
        raise StepFailed(
            " ".join(situation.live.retyped),
            why="What the plan computes is of the types that it was made for.",
            state="Nothing was repaired.",
            next=f"Give the column its type back, then: ec backfill {situation.name}; or: ec rollback "
            f"{situation.name} and start again",
        )


def _require_restored(situation: Situation) -> None:
    """Raise StepFailed where the plan does not know of a child table: its rows would never be in sync. After
    contract undo looks at them.
    """
    if situation.state == State.HIDDEN:
        return
    bare = [leaf.name for leaf in situation.live.leaves if not leaf.trigger_intact]
    if bare:
        raise StepFailed(
            f"{', '.join(bare)} cannot be kept in sync: it came after the plan was made.",
            why="Children by inheritance each have a trigger, and the plan names them.",
            state="The rest of the table is in sync as before.",
            next=f"ALTER TABLE {bare[0]} NO INHERIT {situation.plan.table}, or: ec rollback {situation.name} "
            "and start again",
        )
