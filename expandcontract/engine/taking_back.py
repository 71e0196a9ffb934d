"""Taking back what was prepared for a turn that does not come about.

Contract builds unique indexes, begins with rules and has views read the new side before its one short
transaction, undo builds unique indexes and has views read the old one; plans of before have the rules among
what they settle. Left alone, a rule may fail a write that succeeded before, and a view is in the way of what
drops the side that it reads.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import concurrent
from expandcontract.engine import situation as situations
from expandcontract.engine.leased_work import Work
from expandcontract.ledger import step as journal
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.situation import Situation
from expandcontract.model.step import Concurrent, Step, Transactional
from expandcontract.postgres.locks import run_locked
from expandcontract.postgres.message import inlined

#: The state in which nothing that a section prepares is in use yet.
_BEFORE = {
    Section.EXPAND: {State.ACTIVE},
    Section.DUAL_WRITE: {State.ACTIVE},
    Section.BACKFILL: {State.ACTIVE},
    Section.VERIFY: {State.ACTIVE},
    Section.CONTRACT: {State.ACTIVE},
    Section.UNDO: {State.HIDDEN},
    Section.ROLLBACK: {State.ACTIVE, State.FINISHED},
}


def is_left(situation: Situation) -> bool:
    """Return whether a contract that died may have left what it prepared."""
    begun = situation.phases[Phase.CONTRACT].status in (Status.RUNNING, Status.FAILED)
    return begun and situation.state == State.ACTIVE


def _prepared(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        # From here on what stood before it is in use.
        if step.becomes is not None or step.makes is not None:
            return
        yield step


async def take_back_left(work: Work) -> None:
    """Take back what a contract left that died: nothing of it is in use."""
    if is_left(work.situation):
        await take_back(work, Section.CONTRACT)


async def take_back(work: Work, section: Section) -> None:
    """Undo what the section's steps did so far, the last one first, and journal that they are not done.

    DROP INDEX CONCURRENTLY waits for every transaction that uses the table, which may be the one for which
    the turn got no lock: for another lock budget at most. Where it fails, or the connection is lost, the next
    command does it: it is never worth another error than the one that stopped the turn.
    """
    # Also when somebody wants an end, which is why the turn stopped.
    stop = asyncio.Event()
    budget = work.context.policy.lock_budget.total_seconds()
    patience = asyncio.get_running_loop().call_later(budget, stop.set)
    calm = replace(work, context=replace(work.context, stop=stop))
    try:
        await _all(calm, section)
    except (EcError, DBAPIError, OSError) as error:
        work.context.notice(
            work.name,
            f"What was prepared for {section} could not be taken back: {error} It may fail a write until the "
            f"next ec {section}, or ec backfill, of {work.name}.",
        )
    finally:
        patience.cancel()


async def _all(work: Work, section: Section) -> None:
    situation = await situations.one(work.context, work.name)
    if situation.state not in _BEFORE[section] or (situation.backfilled and section == Section.BACKFILL):
        return
    begun = await _begun(work, section)
    for step in reversed(list(_prepared(situation.plan.steps(section)))):
        if step.reverse and await _stands(work, step, begun.get(step.id)):
            await _one(work, section, step)
        elif _only_looked(step) and begun.get(step.id) == "done":
            await _again(work, section, step)


def _only_looked(step: Step) -> bool:
    """Whether what it found is true of just what it looked at, which goes."""
    return step.symbol == "=" and isinstance(step.action, Transactional)


async def _again(work: Work, section: Section, step: Step) -> None:
    async with work.transaction() as conn:
        await journal.begin(conn, work.context.tables, journal.entry(work.situation, section, step))


async def _stands(work: Work, step: Step, status: str | None) -> bool:
    if isinstance(step.action, Concurrent) and status is not None:
        return await concurrent.probe(work, step.action) in ("done", "broken")
    return status == "done"


async def _begun(work: Work, section: Section) -> dict[str, str]:
    """Return the status of each step that the journal knows, but of those that somebody else had done.

    What 0.1 did at contract where only a program fills rows it journaled as a repair.
    """
    table, situation = work.context.tables.step, work.situation
    cycle = situation.cycle if section in journal.CYCLIC else 0
    where = (
        table.c.change_id == situation.change_id,
        table.c.attempt == situation.attempt,
        or_(
            and_(table.c.section == section.value, table.c.cycle == cycle),
            table.c.section == Section.REPAIR.value,
        ),
        table.c.attempts > 0,
    )
    query = select(table.c.step, table.c.status).where(*where)
    async with work.context.database.transaction() as conn:
        # In its own section it may have been begun again since.
        found = await conn.execute(query.order_by(table.c.section != Section.REPAIR.value))
        return {step: str(status) for step, status in found}


async def _one(work: Work, section: Section, step: Step) -> None:
    context = work.context
    entry = journal.entry(work.situation, section, step)
    context.notice(work.name, f"Taken back, as nothing came of it: {step.sentence}.")
    match step.action:
        case Concurrent() as action:
            await concurrent.take_back(work, section, step, action)
            await _again(work, section, step)
        case Transactional():

            async def prepare(conn: AsyncConnection) -> Sequence[str]:
                await work.check(conn)
                return (*step.reverse, *inlined(conn, journal.beginning(context.tables, entry)))

            await run_locked(
                context.database, step.locks_back, context.policy, context.listen, prepare, stop=context.stop
            )
        case _:
            pass
