"""What a step was to build, and somebody else built first: the very same index under the very same name.

It does what the change needs, but it is not ours to take back, to drop, or to make a constraint of.
"""

from expandcontract.engine import concurrent
from expandcontract.engine.leased_work import Work
from expandcontract.ledger import step as journal
from expandcontract.model.errors import StepFailed
from expandcontract.model.phases import Section
from expandcontract.model.step import Concurrent, Step


async def accept(work: Work, section: Section, step: Step, action: Concurrent) -> bool:
    """Journal a step that was never begun as done, where somebody else did the very same; return whether it
    was so.

    Raises StepFailed at contract, which would turn what is there into a rule of the change, and drop it with
    that.
    """
    if step.symbol != "+" or action.again:
        return False
    context = work.context
    async with context.database.transaction() as conn:
        known = await journal.all_begun(conn, context.tables, work.situation, tried=False)
    if (section.value, step.id) in known or not await concurrent.is_done(work, section, step, action):
        return False
    if section == Section.CONTRACT:
        raise StepFailed(
            f"What contract was to do was done by somebody else: {step.sentence}.",
            why="The very same index stands under that name. Contract would make it a part of this change, "
            "which undo drops.",
            state="Nothing was changed by this step, and the index stays.",
            next=f"Rename or drop it, then: ec contract {work.name}, or keep it: ec rollback {work.name}",
        )
    context.notice(work.name, f"Found, made by somebody else, and left alone from now on: {step.sentence}.")
    async with work.transaction() as conn:
        await journal.found(conn, context.tables, journal.entry(work.situation, section, step))
    return True


async def is_others(work: Work, section: Section, action: Concurrent) -> bool:
    """Return whether what the step of a rollback would drop is not what this change built, as nothing of the
    kind was begun, or was taken back.
    """
    if section != Section.ROLLBACK:
        return False
    builds = {
        (in_section.value, step.id)
        for in_section in (Section.BACKFILL, Section.CONTRACT)
        for step in work.plan.steps(in_section)
        if isinstance(step.action, Concurrent) and step.action.repair == action.statement
    }
    async with work.context.database.transaction() as conn:
        begun = await journal.all_begun(conn, work.context.tables, work.situation, tried=True)
    return bool(builds) and builds.isdisjoint(begun)
