"""Walks the steps of a section: probe, act, record. Every step can be killed between any two instructions and
run again.
"""

import asyncio
import time
from typing import assert_never

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import (
    concurrent,
    departed,
    gatekeeper,
    late_partitions,
    made_by_others,
    transactional,
)
from expandcontract.engine.leased_work import Work
from expandcontract.engine.step_clock import telling
from expandcontract.engine.transactional import Ending
from expandcontract.ledger import phase as phase_writer
from expandcontract.ledger import step as journal
from expandcontract.model import killpoints
from expandcontract.model.errors import EcError, StepFailed
from expandcontract.model.events import PhaseDone, PhaseStarted, StepDone, StepStarted
from expandcontract.model.phases import Phase, Section
from expandcontract.model.step import Concurrent, Step, Sweep, Transactional
from expandcontract.postgres.sqlstate import is_disconnect, translate


async def begin_phase(work: Work, phase: Phase) -> None:
    """Move a phase to running, unless it was: after a crash. Raises GuardRefused where the ledger does not
    allow it.
    """
    context, situation = work.context, work.situation
    async with work.transaction() as conn:
        begun = await phase_writer.begin(conn, context.tables, situation.change_id, phase, context.who)
    if begun:
        context.listen(PhaseStarted(work.name, phase))
    killpoints.reach(f"{phase}.begun")


async def end_phase(work: Work, phase: Phase) -> None:
    """Move a phase to done, waiting for the disk, and say how long it took, by however many processes."""
    context, situation = work.context, work.situation
    async with work.transaction() as conn:
        seconds = await phase_writer.done(conn, context.tables, situation.change_id, phase, context.who)
        if seconds is None:  # the step that moved the change did it, or somebody who died then
            seconds = await phase_writer.taken(conn, context.tables, situation.change_id, phase)
    killpoints.reach(f"{phase}.done")
    context.listen(PhaseDone(work.name, phase, seconds))


async def fail_phase(work: Work, phase: Phase, error: EcError) -> None:
    """Keep in the ledger why a phase failed."""
    context, situation = work.context, work.situation
    async with context.database.transaction() as conn:
        await phase_writer.fail(
            conn, context.tables, situation.change_id, phase, context.who, error=str(error)
        )


async def run_phase(work: Work, phase: Phase) -> None:
    """Run a phase from wherever it is to its end. Raises what stopped it; a failure is kept in the ledger."""
    await begin_phase(work, phase)
    try:
        await run_section(work, Section(phase.value), ending=Ending(phase))
        await end_phase(work, phase)
    except StepFailed as error:
        await fail_phase(work, phase, error)
        raise


async def run_section(
    work: Work, section: Section, *, ending: Ending | None = None, leave_out: frozenset[str] = frozenset()
) -> None:
    """Run the steps of a section that the journal does not have as done, or whose work has aged before the
    change was moved, in order; `ending` goes with the step that moves it.
    """
    done = await finished(work, section)
    done -= await _aged(work, section, done)
    for step in work.plan.steps(section):
        if step.id not in done | leave_out:
            work.context.check_stop(work.name)
            await run_step(work, section, step, ending=ending if step.becomes is not None else None)


async def _aged(work: Work, section: Section, done: set[str]) -> set[str]:
    """Journal as begun anew what was done by somebody who died, and is no longer what it was."""
    steps = work.plan.steps(section)
    aged = [step for step in steps if step.ages and step.id in done]
    if not aged or any(step.becomes is not None and step.id in done for step in steps):
        return set()
    async with work.transaction() as conn:
        for step in aged:
            await journal.begin(conn, work.context.tables, journal.entry(work.situation, section, step))
    return {step.id for step in aged}


async def run_step(work: Work, section: Section, step: Step, *, ending: Ending | None = None) -> None:
    """Run one step and journal it. Raises StepFailed when its statement fails for good."""
    began = time.monotonic()
    work.context.listen(StepStarted(work.name, section, step.id, step.sentence))
    try:
        match step.action:
            case Transactional() as action:
                await late_partitions.build(work, section, step)
                async with telling(work, section, step):
                    await transactional.run(work, section, step, action, ending)
            case Concurrent() as action:
                await _apart(work, section, step, action)
            case Sweep() as action:
                await _swept(work, section, step, action)
            case _:
                assert_never(step.action)
    except DBAPIError as error:
        raise await _failed(work, section, step, error, time.monotonic() - began) from error
    killpoints.reach(f"{work.key(section, step.id)}.recorded")
    work.context.listen(StepDone(work.name, section, step.id, time.monotonic() - began, step.sentence))


async def _apart(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    context = work.context
    began = time.monotonic()
    if await made_by_others.accept(work, section, step, action):
        return
    async with work.transaction() as conn:
        await gatekeeper.require_table(conn, work.situation)
        await journal.begin(conn, context.tables, journal.entry(work.situation, section, step))
    killpoints.reach(f"{work.key(section, step.id)}.begun")
    if action.relation in (await departed.of(work)).all:
        work.context.notice(
            work.name, f"{action.relation} is no longer part of the table: nothing is built there."
        )
    elif not await made_by_others.is_others(work, section, action):
        await concurrent.run(work, section, step, action)
    killpoints.reach(f"{work.key(section, step.id)}.acted")
    async with work.transaction() as conn:
        await record(work, conn, section, step, time.monotonic() - began)


async def _swept(work: Work, section: Section, step: Step, action: Sweep) -> None:
    # Copy and compare belong to their verbs, which know about rounds and proofs; what is left is kept and
    # then dropped.
    from expandcontract.engine import kept_on_rollback

    began = time.monotonic()
    await kept_on_rollback.sweep(work, action)
    async with work.transaction() as conn:
        await record(work, conn, section, step, time.monotonic() - began)


async def record(work: Work, conn: AsyncConnection, section: Section, step: Step, seconds: float) -> None:
    """Journal a step as done, in the caller's transaction."""
    await journal.done(conn, work.context.tables, journal.entry(work.situation, section, step), seconds)


async def finished(work: Work, section: Section) -> set[str]:
    """Return the steps of a section that the journal has as done."""
    table, situation = work.context.tables.step, work.situation
    cycle = situation.cycle if section in journal.CYCLIC else 0
    where = (
        table.c.change_id == situation.change_id,
        table.c.attempt == situation.attempt,
        table.c.cycle == cycle,
        table.c.section == section.value,
        table.c.status == "done",
    )
    async with work.context.database.transaction() as conn:
        return set((await conn.execute(select(table.c.step).where(*where))).scalars())


def _way_out(work: Work, section: Section) -> str:
    contracted = section in (Section.UNDO, Section.PURGE)
    return "." if contracted or section == Section.ROLLBACK else f", or: ec rollback {work.name}"


async def _failed(work: Work, section: Section, step: Step, error: DBAPIError, seconds: float) -> EcError:
    """Journal the failure and return it as an error of ours."""
    translated = translate(error)
    if is_disconnect(error):
        return translated
    if isinstance(translated, StepFailed):
        translated = StepFailed(
            f"{section.capitalize()} failed ({step.sentence}): {translated.message}",
            why=translated.why,
            state="The step was rolled back; what was done before it stays.",
            next=f"Remove the cause and run the same command again{_way_out(work, section)}",
        )
    async with asyncio.timeout(10), work.context.database.transaction() as conn:
        entry = journal.entry(work.situation, section, step)
        await journal.fail(conn, work.context.tables, entry, seconds, str(translated))
    return translated
