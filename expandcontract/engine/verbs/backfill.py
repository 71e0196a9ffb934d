"""`ec backfill`: copy, settle, verify. The same command resumes, joins in from another host, and repairs."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import timedelta

from expandcontract.engine import broken_rules, copy_session, hooks, orphans, run_on, taking_back
from expandcontract.engine import situation as situations
from expandcontract.engine.allowed_verbs import applies
from expandcontract.engine.context import Context
from expandcontract.engine.leased_work import Work, leased
from expandcontract.engine.repair import make_again, repair, restore
from expandcontract.engine.runner import begin_phase, fail_phase, record, run_phase
from expandcontract.engine.sweep_rounds import SweepPace, copy_to_end
from expandcontract.engine.verbs import status, undo, verify
from expandcontract.model import killpoints
from expandcontract.model.errors import LeaseHeld, Mismatches, StepFailed
from expandcontract.model.hooks import Turn
from expandcontract.model.phases import Phase, Section, Stage, State, Status, Verb
from expandcontract.model.situation import Situation, journaled
from expandcontract.model.step import Purpose

#: How often a process looks whether another one has settled the new side.
LOOK_SECONDS = 0.5
#: The verbs whose leases a backfill waits for: they do its own work.
FELLOWS = frozenset({"backfill", "run"})


@dataclass(frozen=True)
class BackfillOptions(SweepPace):
    """How the backfill works. `batch` is in rows, `max_rate` in rows per second."""

    verify: bool = True


async def backfill(context: Context, name: str, options: BackfillOptions = BackfillOptions()) -> Situation:
    """Bring a change to ready, and prove it. Returns the change as it is then.

    Raises:
        WrongState: the change is not started, or contracted.
        MissingPrivilege, Refused: the user's triggers cannot be kept from firing.
        StepFailed: a statement failed for good; the ledger says which.
        Mismatches: verification found rows that a repair did not bring in sync.
        Interrupted, TimeIsUp, Paused, LeaseHeld, LeaseLost, LockBudgetSpent: the same command goes on.
    """
    deadline = None if options.max_runtime is None else time.monotonic() + options.max_runtime.total_seconds()
    situation = await undo.finish(context, await situations.one(context, name))
    if not applies(context, Verb.BACKFILL, situation):
        return situation
    if not options.user_triggers:
        await copy_session.refuse_to_suppress(context, situation)
    if situation.backfilled and situation.plan.pair is not None:
        await hooks.end(context, name, Turn.READY)
        return await _prove_again(context, situation, options)
    await _fill(context, situation, options, deadline)
    await hooks.end(context, name, Turn.READY)
    if situation.plan.pair is None:
        await _run_on(context, situation, _within(options, deadline))
    elif options.verify:
        await verify.prove(context, situation, _within(options, deadline), verb="backfill")
    return await status.looked(context, await situations.one(context, name))


async def _run_on(context: Context, situation: Situation, options: BackfillOptions) -> None:
    """Go on as far as contract. Rows that a rule would refuse are counted, where the last count does not say
    any more that there is none; those that were to be written, and match still, are written once more.
    """
    await _through(context, situation)
    situation = await situations.one(context, situation.name)
    counted = _is_proven(situation)
    if situation.state == State.ACTIVE and situation.plan.compares and options.verify and not counted:
        if situation.plan.copies:
            await _prove_or_repair(context, situation, options)
        else:
            await verify.prove(context, situation, options, verb="backfill")
        await _through(context, situation)


async def _through(context: Context, situation: Situation) -> None:
    async with leased(context, situation, "backfill") as work:
        if taking_back.is_left(work.situation):
            await taking_back.take_back(work, Section.CONTRACT)
        if work.situation.state == State.ACTIVE:
            kept_up = work.plan.trigger or work.plan.aside
            if kept_up and work.situation.phases[Phase.DUAL_WRITE].status == Status.DONE:
                await restore(work)
            await run_on.through(work, by_size=True)


async def _fill(
    context: Context, situation: Situation, options: BackfillOptions, deadline: float | None
) -> None:
    """Do the next thing until the change is ready, by this process or by others."""
    while situation.stage == Stage.BEFORE_READY and not situation.backfilled:
        situation = await _advance(context, situation, _within(options, deadline))


def _within(options: BackfillOptions, deadline: float | None) -> BackfillOptions:
    if deadline is None:
        return options
    return replace(options, max_runtime=timedelta(seconds=max(0.0, deadline - time.monotonic())))


async def _advance(context: Context, situation: Situation, options: BackfillOptions) -> Situation:
    """Do the next thing: dual_write where it is not done yet, the copy together with others, what comes after
    it alone. Return the change as it is then.
    """
    if situation.phases[Phase.DUAL_WRITE].status != Status.DONE:
        async with leased(context, situation, "backfill") as work:
            for phase in (Phase.EXPAND, Phase.DUAL_WRITE):
                if work.situation.phases[phase].status != Status.DONE:
                    await run_phase(work, phase)
        return await situations.one(context, situation.name)
    if situation.plan.copies and not situation.copied:
        async with leased(context, situation, "backfill", exclusive=False) as work:
            orphans.require_table(work.situation)
            done = await _copy(work, options)
            return replace(work.situation, steps_done=work.situation.steps_done | {done})
    try:
        async with leased(context, situation, "backfill") as work:
            return await _settle(work)
    except LeaseHeld:
        now = await situations.one(context, situation.name)
        if not all(holder.verb in FELLOWS for holder in now.holders):
            raise
        context.check_stop(situation.name)
        await asyncio.sleep(LOOK_SECONDS)
        return now


async def _copy(work: Work, pace: SweepPace) -> str:
    """Copy every row; return what the journal has as done then."""
    began = time.monotonic()
    await begin_phase(work, Phase.BACKFILL)
    await restore(work)
    try:
        await copy_to_end(work, pace)
    except StepFailed as error:
        told = (error.message, error.why, error.next and f"Next: {error.next}")
        await fail_phase(work, Phase.BACKFILL, StepFailed(" ".join(filter(None, told))))
        raise
    killpoints.reach("backfill.copy.finished")
    section, step, _ = work.plan.sweep(Purpose.COPY)
    async with work.transaction() as conn:
        await record(work, conn, section, step, time.monotonic() - began)
    killpoints.reach("backfill.copy.recorded")
    return journaled(section, step)


async def _settle(work: Work) -> Situation:
    """Build what the new side has beside its values; return the change as it is then, ready."""
    situation = work.situation
    if situation.backfilled:
        return situation
    await hooks.begin(work.context, situation, Turn.READY)
    try:
        await run_phase(work, Phase.BACKFILL)
    except StepFailed as error:
        # A rule that rows break must not stay behind and refuse what old code writes.
        await taking_back.take_back(work, Section.BACKFILL)
        raise await broken_rules.counted(work, Section.BACKFILL, error) from error.__cause__
    # Whoever goes on takes a lease, and looks again under it.
    done = replace(situation.phases[Phase.BACKFILL], status=Status.DONE)
    return replace(situation, phases={**situation.phases, Phase.BACKFILL: done})


async def _prove_again(context: Context, situation: Situation, options: BackfillOptions) -> Situation:
    """Look for drift, repair what there is, and prove. Nothing is written where the proof still holds."""
    if taking_back.is_left(situation):
        async with leased(context, situation, "backfill") as work:
            await taking_back.take_back_left(work)
    if situation.live.lost:
        async with leased(context, situation, "backfill") as work:
            await make_again(work)
    if situation.plan.computed_outside:
        return await _fill_again(context, situation, options)
    if not _is_proven(situation):
        if _is_broken(situation):
            await repair(context, situation, options, verb="backfill")
        if options.verify:
            await _prove_or_repair(context, situation, options)
    return await situations.one(context, situation.name)


async def _fill_again(context: Context, situation: Situation, options: BackfillOptions) -> Situation:
    """Fill what old code left unfilled, which no proof tells of, and prove anew where there was something."""
    async with leased(context, situation, "backfill") as work:
        await restore(work)
        found = await copy_to_end(work, options, anew=True)
    if options.verify and (found.rows or not _is_proven(situation)):
        await verify.prove(context, situation, options, verb="backfill")
    return await situations.one(context, situation.name)


def _is_broken(situation: Situation) -> bool:
    # A proof says that rows are in sync; a leaf that no round was laid over keeps its gate shut nonetheless.
    copied = situation.plan.pair is None or all(leaf.swept for leaf in situation.live.leaves)
    return bool(situation.live.sync_faults) or not copied


def _is_proven(situation: Situation) -> bool:
    proof = situation.proof
    # A proof may hold while the phase runs: somebody died after writing it, or while making another.
    proven = situation.phases[Phase.VERIFY].status == Status.DONE
    return (
        proof is not None
        and proven
        and not (_is_broken(situation) or proof.differences or proof.spoiled_at or proof.mismatches)
    )


async def _prove_or_repair(context: Context, situation: Situation, options: BackfillOptions) -> None:
    try:
        await verify.prove(context, situation, options, verb="backfill")
    except Mismatches as found:
        context.notice(situation.name, f"Repairing: {found.message}")
        await repair(context, situation, options, verb="backfill")
        await verify.prove(context, situation, options, verb="backfill")
