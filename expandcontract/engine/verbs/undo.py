"""`ec undo`: bring the hidden old side back."""

from dataclasses import replace

from sqlalchemy import select

from expandcontract.engine import broken_rules, hooks, losses, taking_back
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.diary import refusals
from expandcontract.engine.leased_work import Work, at_home, leased
from expandcontract.engine.repair import restore
from expandcontract.engine.runner import record, run_section
from expandcontract.engine.transactional import Ending
from expandcontract.model.errors import EcError
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Phase, Section, State, Verb
from expandcontract.model.situation import Situation


async def undo(context: Context, name: str, *, accept_loss: bool = False) -> Situation:
    """Make old code work again, with every value that new code wrote since; return the change as it is then.

    The old side is back after one short transaction; its constraints are validated after it.

    Raises:
        WouldLose: the old side cannot hold some value, and `accept_loss` was not given.
        NameTaken, Refused: the old side cannot come back as things are; nothing was changed.
        WrongState, LeaseHeld, LockBudgetSpent.
    """
    situation = await situations.one(context, name)
    if await _begun(context, situation):
        await finish(context, situation)
    elif applies(context, Verb.UNDO, situation):
        await _undo(context, situation, accept_loss=accept_loss)
    await hooks.end(context, name, Turn.UNDO)
    return await situations.one(context, name)


async def _undo(context: Context, situation: Situation, *, accept_loss: bool) -> None:
    faults = " ".join(situation.live.sync_faults)
    if faults and accept_loss:
        context.notice(
            situation.name,
            f"{faults} What new code wrote meanwhile is not on the old side: ec verify {situation.name} "
            "names those rows. Correct the old side there first: ec backfill would take its value.",
        )
    if await at_home(context, situation) is not situation:
        situation = await situations.one(context, situation.name)
    async with refusals(context, situation, "undo"):
        if faults and not accept_loss:
            situation = await _kept_again(context, situation)
        again = await losses.refuse(context, situation, accept=accept_loss)
        await hooks.begin(context, situation, Turn.UNDO)
    async with leased(context, situation, "undo") as work:
        # Whoever had the lease before may have done it.
        if applies(context, Verb.UNDO, work.situation):
            looking = work if accept_loss else replace(work, refusals=again)
            try:
                if accept_loss:
                    await _leave_out(work)
                await run_section(looking, Section.UNDO, ending=Ending(Phase.CONTRACT, undone=True))
            except EcError as error:
                await taking_back.take_back(work, Section.UNDO)
                raise await broken_rules.counted(work, Section.UNDO, error) from error.__cause__


async def _leave_out(work: Work) -> None:
    """Journal as done what cannot be had again: a unique index of values that back makes equal."""
    for step in await losses.not_unique_again(work.context, work.situation):
        work.context.notice(work.name, f"Left out, since rows are equal on the old side: {step.sentence}.")
        async with work.transaction() as conn:
            await record(work, conn, Section.UNDO, step, 0.0)


async def _kept_again(context: Context, situation: Situation) -> Situation:
    """Put back what keeps the hidden side current, so that no row gets out of sync while it is looked for;
    return the change as it is then.
    """
    if situation.live.missing_columns or situation.live.retyped or not situation.live.table_exists:
        return situation  # there is nothing to put it on; what can be told is told
    async with leased(context, situation, "undo") as work:
        await restore(work)
    return await situations.one(context, situation.name)


async def finish(context: Context, situation: Situation) -> Situation:
    """Run what is left of an undo that was killed after the old side had come back; return the change as it
    is then.
    """
    if not await _begun(context, situation):
        return situation
    async with leased(context, situation, "undo") as work:
        # Somebody may have finished it, and even contracted again.
        if await _begun(context, work.situation):
            before = replace(work.situation, cycle=work.situation.cycle - 1)
            await run_section(replace(work, situation=before), Section.UNDO)
    return await situations.one(context, situation.name)


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
