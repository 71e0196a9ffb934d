"""Walks the steps of a section: probe, act, record. Every step can be killed between any two instructions and
run again.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine import concurrent, gatekeeper
from expandcontract.engine.telling import telling
from expandcontract.engine.work import Work
from expandcontract.ledger import change as change_writer
from expandcontract.ledger import phase as phase_writer
from expandcontract.ledger import step as journal
from expandcontract.model import killpoints
from expandcontract.model.errors import EcError, StepFailed
from expandcontract.model.events import PhaseDone, PhaseStarted, StepDone, StepStarted
from expandcontract.model.phases import Phase, Section, State
from expandcontract.model.plan import Concurrent, Step, Sweep, Transactional
from expandcontract.postgres.locks import run_locked
from expandcontract.postgres.sqlstate import is_disconnect, translate
from expandcontract.postgres.standby import wait_until_unused
from expandcontract.steps.column import MAKES_SYNC


@dataclass(frozen=True)
class Ending:
    """What the step that moves the change to another state writes with it: the phase that is then done, or
    undone.
    """

    phase: Phase
    undone: bool = False


async def begin_phase(work: Work, phase: Phase) -> None:
    """Move a phase to running, unless it was: after a crash. Raises GuardRefused where the ledger does not
    allow it.
    """
    context, situation = work.context, work.situation
    async with context.database.transaction() as conn:
        await work.check(conn)
        begun = await phase_writer.begin(conn, context.tables, situation.change_id, phase, context.who)
    if begun:
        context.listen(PhaseStarted(work.name, phase))
    killpoints.reach(f"{phase}.begun")


async def end_phase(work: Work, phase: Phase) -> None:
    """Move a phase to done, waiting for the disk, and say how long it took, by however many processes."""
    context, situation = work.context, work.situation
    table = context.tables.phase
    taken = select(func.extract("epoch", table.c.finished_at - table.c.started_at)).where(
        table.c.change_id == situation.change_id, table.c.attempt == situation.attempt, table.c.phase == phase
    )
    async with context.database.transaction() as conn:
        await work.check(conn)
        await phase_writer.done(conn, context.tables, situation.change_id, phase, context.who)
        seconds = float((await conn.execute(taken)).scalar_one())
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
    """Run the steps of a section that the journal does not have as done, in order; `ending` goes with the
    step that moves the change.
    """
    finished = await _finished(work, section)
    for step in work.plan.steps(section):
        if step.id not in finished | leave_out:
            work.context.check_stop(work.name)
            await run_step(work, section, step, ending=ending if step.becomes is not None else None)


async def run_step(work: Work, section: Section, step: Step, *, ending: Ending | None = None) -> None:
    """Run one step and journal it. Raises StepFailed when its statement fails for good."""
    began = time.monotonic()
    work.context.listen(StepStarted(work.name, section, step.id, step.sentence))
    try:
        match step.action:
            case Transactional():
                async with telling(work, section, step):
                    await _transactional(work, section, step, step.action, ending)
            case Concurrent() as action:
                await _apart(work, section, step, action)
            case Sweep() as action:
                await _swept(work, section, step, action)
            case _:
                assert_never(step.action)
    except DBAPIError as error:
        raise await _failed(work, section, step, error, time.monotonic() - began) from error
    killpoints.reach(f"{work.key(section, step.id)}.recorded")
    work.context.listen(StepDone(work.name, section, step.id, time.monotonic() - began))


async def _transactional(
    work: Work, section: Section, step: Step, action: Transactional, ending: Ending | None
) -> None:
    context = work.context
    began = time.monotonic()

    async def body(conn: AsyncConnection) -> None:
        await work.check(conn)
        await gatekeeper.require_table(conn, work.situation)
        killpoints.reach(f"{work.key(section, step.id)}.begun")
        if step.becomes is not None:
            if work.last_look is not None:
                await work.last_look(conn)
            # Before the statements: the guard compares what the proof is bound to with what is there now.
            await _become(work, conn, step.becomes)
        for statement in action.statements:
            await conn.exec_driver_sql(statement)
        if step.id in MAKES_SYNC:
            situation = work.situation
            await change_writer.note_sync(
                conn,
                context.tables,
                situation.change_id,
                situation.attempt,
                context.who,
                step=step.id,
                hides=step.becomes == State.HIDDEN,
            )
        killpoints.reach(f"{work.key(section, step.id)}.acted")
        await record(work, conn, section, step, time.monotonic() - began)
        if ending is not None:
            await _end(work, conn, ending)

    if action.patient:
        async with context.database.transaction(patient=True) as conn:
            await body(conn)
    else:
        if context.standby is not None:
            await wait_until_unused(
                context.standby, action.locks, context.policy, context.listen, context.stop
            )
        # Asked under the weaker lock: while the strong one is held, the application waits.
        look = work.recheck if step.becomes == State.HIDDEN else None
        await run_locked(
            context.database, action.locks, context.policy, context.listen, body, look=look, stop=context.stop
        )


async def _become(work: Work, conn: AsyncConnection, state: State) -> None:
    if state == State.ROLLED_BACK:
        await _undo_phases(work, conn)
    await change_writer.become(conn, work.context.tables, work.situation.change_id, state, work.context.who)


async def _undo_phases(work: Work, conn: AsyncConnection) -> None:
    situation = work.situation
    for phase in reversed(Phase):
        await phase_writer.undo(conn, work.context.tables, situation.change_id, phase, work.context.who)


async def _end(work: Work, conn: AsyncConnection, ending: Ending) -> None:
    move = phase_writer.undo if ending.undone else phase_writer.done
    situation = work.situation
    await move(conn, work.context.tables, situation.change_id, ending.phase, work.context.who)


async def _apart(work: Work, section: Section, step: Step, action: Concurrent) -> None:
    context = work.context
    began = time.monotonic()
    async with context.database.transaction() as conn:
        await work.check(conn)
        await gatekeeper.require_table(conn, work.situation)
        await journal.begin(conn, context.tables, journal.entry(work.situation, section, step))
    killpoints.reach(f"{work.key(section, step.id)}.begun")
    await concurrent.run(work, section, step, action)
    killpoints.reach(f"{work.key(section, step.id)}.acted")
    async with context.database.transaction() as conn:
        await work.check(conn)
        await record(work, conn, section, step, time.monotonic() - began)


async def _swept(work: Work, section: Section, step: Step, action: Sweep) -> None:
    # Copy and compare belong to their verbs, which know about rounds and proofs; what is left is kept and
    # then dropped.
    from expandcontract.engine import sweeping

    began = time.monotonic()
    await sweeping.run_to_end(work, action)
    async with work.context.database.transaction() as conn:
        await work.check(conn)
        await record(work, conn, section, step, time.monotonic() - began)


async def record(work: Work, conn: AsyncConnection, section: Section, step: Step, seconds: float) -> None:
    """Journal a step as done, in the caller's transaction."""
    await journal.done(conn, work.context.tables, journal.entry(work.situation, section, step), seconds)


async def _finished(work: Work, section: Section) -> set[str]:
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
            f"Step {step.id} of {section} failed: {translated.message}",
            why=translated.why,
            state=f"The step was rolled back; what was done before it stays ({step.sentence}).",
            next=f"Remove the cause and run the same command again{_way_out(work, section)}",
        )
    async with asyncio.timeout(10), work.context.database.transaction() as conn:
        entry = journal.entry(work.situation, section, step)
        await journal.fail(conn, work.context.tables, entry, seconds, str(translated))
    return translated
