"""`ec rollback`: remove what start added, before contract."""

from expandcontract.engine import (
    copy_session,
    front,
    gatekeeper,
    given,
    hooks,
    kept_on_rollback,
    orphans,
    replaced_rows,
    taking_back,
)
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.diary import refusals
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.verbs import undo
from expandcontract.model.errors import NotConfirmed
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Section, Verb
from expandcontract.model.situation import Situation


async def rollback(
    context: Context,
    name: str,
    *,
    discard: bool = False,
    confirm: str | None = None,
    overwrite: bool = False,
) -> Situation:
    """Remove the new side; return the change as it is then. What only the new side holds is kept in the
    ledger, unless `discard` (with the change's name as `confirm`). Rows of which a sweep kept what it
    replaced get that back; where they were changed since, only with `overwrite`.

    Raises NotConfirmed, also where a column goes that was given values, ColumnOwned, WrongState, LeaseHeld,
    LockBudgetSpent.
    """
    situation = await undo.finish(context, await situations.one(context, name))
    async with refusals(context, situation, "rollback"):
        if not applies(context, Verb.ROLLBACK, situation):
            await copy_session.unmark(context, situation)
            await hooks.end(context, name, Turn.ROLLBACK)
            return situation
        if discard and confirm != name:
            raise NotConfirmed(
                "--discard loses what only the new side holds.",
                why="It asks for the change's name once more.",
                next=f"ec rollback {name} --discard --confirm {name}",
            )
        await hooks.begin(context, situation, Turn.ROLLBACK)
    async with leased(context, situation, "rollback") as work:
        await _remove(work, discard=discard, overwrite=overwrite)
    await copy_session.unmark(context, situation)
    await hooks.end(context, name, Turn.ROLLBACK)
    return await situations.one(context, name)


async def _remove(work: Work, *, discard: bool, overwrite: bool) -> None:
    if orphans.is_orphan(work.situation):
        await orphans.close_here(work)
        return
    front.require(work.situation)
    if not discard:
        await given.refuse(work.context, work.situation)
        work = given.under_lock(work)
    if taking_back.is_left(work.situation):
        await taking_back.take_back(work, Section.CONTRACT)
    if not discard:
        await replaced_rows.give_back_kept(work, overwrite=overwrite)
    if work.plan.words.stays:
        work.context.notice(work.name, work.plan.words.stays)
    if not discard and work.plan.pair is not None:
        _refuse_last_copy(work.situation)
    # Before dual_write the new side is empty, and the functions that tell what only it holds are missing.
    written = work.situation.begun(Section.DUAL_WRITE)
    live = work.situation.live
    gone = work.plan.new_column in live.missing_columns
    work = kept_on_rollback.completed(work)
    keeps = any(step.keeps for step in work.plan.steps(Section.ROLLBACK))
    nothing = not keeps or discard or gone or not written
    remove = kept_on_rollback.remove if nothing else kept_on_rollback.keep_and_remove
    await remove(work)


def _refuse_last_copy(situation: Situation) -> None:
    name = situation.name
    gatekeeper.refuse_last_copy(
        situation,
        situation.plan.sides.old_columns,
        f"Rename it back, then: ec rollback {name}; or lose them: "
        f"ec rollback {name} --discard --confirm {name}",
    )
