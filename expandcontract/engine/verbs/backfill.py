"""`ec backfill`: copy, settle, verify. The same command resumes, joins in from another host, and repairs."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import timedelta

from expandcontract.engine import situation as situations
from expandcontract.engine.answers import applies
from expandcontract.engine.context import Context
from expandcontract.engine.runner import begin_phase, record, run_phase, run_step
from expandcontract.engine.sweeping import Pace, copy_to_end, step_of
from expandcontract.engine.verbs import undo, verify
from expandcontract.engine.work import Work, leased
from expandcontract.ledger import change as change_writer
from expandcontract.model import killpoints
from expandcontract.model.errors import LeaseHeld, Mismatches, StepFailed
from expandcontract.model.phases import Phase, Section, Status, Verb
from expandcontract.model.plan import Purpose
from expandcontract.model.situation import Situation
from expandcontract.steps.column import RESTORE_FILLING, RESTORE_READY

#: How often a process looks whether another one has settled the new side.
LOOK_SECONDS = 0.5
#: The verbs whose leases a backfill waits for: they do its own work.
FELLOWS = frozenset({"backfill", "run"})


@dataclass(frozen=True)
class Options(Pace):
    """How the backfill works. `batch` is in rows, `max_rate` in rows per second."""

    verify: bool = True


async def backfill(context: Context, name: str, options: Options = Options()) -> Situation:
    """Bring a change to ready, and prove it. Returns the change as it is then.

    Raises:
        WrongState: the change is not started, or contracted.
        StepFailed: a statement failed for good; the ledger says which.
        Mismatches: verification found rows that a repair did not bring in sync.
        Interrupted, TimeIsUp, Paused, LeaseHeld, LeaseLost, LockBudgetSpent: the same command goes on.
    """
    deadline = None if options.max_runtime is None else time.monotonic() + options.max_runtime.total_seconds()
    await undo.finish(context, name)
    situation = await situations.one(context, name)
    if not applies(context, Verb.BACKFILL, situation):
        return situation
    if situation.ready:
        return await _prove_again(context, situation, options)
    await _fill(context, situation, options, deadline)
    if options.verify:
        await verify.prove(context, situation, _within(options, deadline), verb="backfill")
    return await situations.one(context, name)


async def _fill(context: Context, situation: Situation, options: Options, deadline: float | None) -> None:
    """Do the next thing until the change is ready, by this process or by others."""
    while not situation.ready:
        await _advance(context, situation, _within(options, deadline))
        situation = await situations.one(context, situation.name)


def _within(options: Options, deadline: float | None) -> Options:
    if deadline is None:
        return options
    return replace(options, max_runtime=timedelta(seconds=max(0.0, deadline - time.monotonic())))


async def _advance(context: Context, situation: Situation, options: Options) -> None:
    """Do the next thing: dual_write where it is not done yet, the copy together with others, what comes after
    it alone.
    """
    if situation.phases[Phase.DUAL_WRITE].status != "done":
        async with leased(context, situation, "backfill") as work:
            for phase in (Phase.EXPAND, Phase.DUAL_WRITE):
                if situation.phases[phase].status != "done":
                    await run_phase(work, phase)
        return
    if "backfill.copy" not in situation.steps_done:
        async with leased(context, situation, "backfill", exclusive=False) as work:
            await _copy(work, options)
        return
    try:
        async with leased(context, situation, "backfill") as work:
            await _settle(work)
    except LeaseHeld:
        holders = (await situations.one(context, situation.name)).holders
        if not all(holder.verb in FELLOWS for holder in holders):
            raise
        context.check_stop(situation.name)
        await asyncio.sleep(LOOK_SECONDS)


async def _copy(work: Work, pace: Pace) -> None:
    began = time.monotonic()
    await begin_phase(work, Phase.BACKFILL)
    await restore(work)
    await copy_to_end(work, pace)
    # Sessions hand in their statistics late, at the latest when they end: else our own writes would be
    # counted as the application's after ready.
    await work.context.database.close()
    killpoints.reach("backfill.copy.finished")
    step = step_of(work, Section.BACKFILL, Purpose.COPY)
    async with work.context.database.transaction() as conn:
        await work.check(conn)
        await record(work, conn, Section.BACKFILL, step, time.monotonic() - began)
    killpoints.reach("backfill.copy.recorded")


async def restore(work: Work) -> bool:
    """Put the sync trigger back where it is not as it must be; return whether it had to be."""
    faults = (await situations.one(work.context, work.name)).live.sync_faults
    if not faults:
        return False
    work.context.notice(work.name, f"Putting the sync trigger back: {'; '.join(faults)}.")
    wanted = RESTORE_READY if work.situation.ready else RESTORE_FILLING
    step = next(step for step in work.plan.steps(Section.REPAIR) if step.id == wanted)
    await run_step(work, Section.REPAIR, step)
    _require_restored(await situations.one(work.context, work.name))
    return True


def _require_restored(situation: Situation) -> None:
    """Raise StepFailed where the plan does not know of a child table: its rows would never be in sync."""
    bare = [leaf.name for leaf in situation.live.leaves if not leaf.trigger_intact]
    if bare:
        raise StepFailed(
            f"{', '.join(bare)} cannot be kept in sync: it came after the plan was made.",
            why="Children by inheritance each have a trigger, and the plan names them.",
            state="The rest of the table is in sync as before.",
            next=f"ALTER TABLE {bare[0]} NO INHERIT {situation.plan.table}, or: ec rollback {situation.name} "
            "and start again",
        )


async def _settle(work: Work) -> None:
    situation = await situations.one(work.context, work.name)
    if situation.ready:
        return
    await run_phase(work, Phase.BACKFILL)
    ready = await situations.one(work.context, work.name)
    if ready.live.writes is not None:
        async with work.context.database.transaction() as conn:
            await change_writer.note_writes(conn, work.context.tables, situation.change_id, ready.live.writes)


async def _prove_again(context: Context, situation: Situation, options: Options) -> Situation:
    """Look for drift, repair what there is, and prove. Nothing is written where the proof still holds."""
    proof = situation.proof
    # A proof says that rows are in sync; a leaf that no round was laid over keeps its gate shut nonetheless.
    broken = bool(situation.live.sync_faults) or not all(leaf.swept for leaf in situation.live.leaves)
    # A proof may hold while the phase runs: somebody died after writing it, or while making another.
    proven = situation.phases[Phase.VERIFY].status == Status.DONE
    if (
        proof is not None
        and proven
        and not (broken or proof.differences or proof.spoiled_at or proof.mismatches)
    ):
        return situation
    if broken:
        await _repair(context, situation, options)
    if options.verify:
        await _prove_or_repair(context, situation, options)
    return await situations.one(context, situation.name)


async def _prove_or_repair(context: Context, situation: Situation, options: Options) -> None:
    try:
        await verify.prove(context, situation, options, verb="backfill")
    except Mismatches as found:
        context.notice(situation.name, f"Repairing: {found.message}")
        await _repair(context, situation, options)
        await verify.prove(context, situation, options, verb="backfill")


async def _repair(context: Context, situation: Situation, options: Options) -> None:
    """Restore the trigger where it does not stand, then look at every row of all leaves."""
    async with leased(context, situation, "backfill") as work:
        await restore(work)
        await copy_to_end(work, options, anew=True)
