"""`ec undo`: bring the hidden old side back."""

from dataclasses import replace

from sqlalchemy import select

from expandcontract.engine import situation as situations
from expandcontract.engine.answers import applies
from expandcontract.engine.context import Context
from expandcontract.engine.runner import Ending, run_section
from expandcontract.engine.work import leased
from expandcontract.model.phases import Phase, Section, State, Verb
from expandcontract.model.situation import Situation


async def undo(context: Context, name: str) -> Situation:
    """Make old code work again, with every value that new code wrote since; return the change as it is then.

    The old side is back after one short transaction; its constraints are validated after it. Raises
    WrongState, LeaseHeld, LockBudgetSpent.
    """
    situation = await situations.one(context, name)
    if await _begun(context, situation):
        await finish(context, name)
    elif applies(context, Verb.UNDO, situation):
        if faults := " ".join(situation.live.sync_faults):
            context.notice(
                name,
                f"{faults} What new code wrote meanwhile is not on the old side: ec verify {name} names "
                "those rows. Correct the old side there first: ec backfill would take its value.",
            )
        async with leased(context, situation, "undo") as work:
            await run_section(work, Section.UNDO, ending=Ending(Phase.CONTRACT, undone=True))
    return await situations.one(context, name)


async def finish(context: Context, name: str) -> None:
    """Run what is left of an undo that was killed after the old side had come back."""
    situation = await situations.one(context, name)
    if not await _begun(context, situation):
        return
    before = replace(situation, cycle=situation.cycle - 1)
    async with leased(context, before, "undo") as work:
        await run_section(work, Section.UNDO)


async def _begun(context: Context, situation: Situation) -> bool:
    """Whether the last undo brought the old side back and has steps left. They are journaled under the cycle
    that it ended.
    """
    if situation.state != State.ACTIVE or situation.cycle == 0:
        return False
    table = context.tables.step
    where = (
        table.c.change_id == situation.change_id,
        table.c.attempt == situation.attempt,
        table.c.cycle == situation.cycle - 1,
        table.c.section == Section.UNDO.value,
        table.c.status == "done",
    )
    async with context.database.transaction() as conn:
        done = set((await conn.execute(select(table.c.step).where(*where))).scalars())
    return any(step.id not in done for step in situation.plan.steps(Section.UNDO))
