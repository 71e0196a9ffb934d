"""What operators ask first: may I deploy, may I contract, what is in the way, what do I type next. Pure."""

from collections.abc import Sequence
from typing import assert_never

from expandcontract import gates
from expandcontract.cli.views.format import count, held, moment, span
from expandcontract.engine.allowed_verbs import what_is_left
from expandcontract.model.phases import Phase, Stage, Status
from expandcontract.model.records import PhaseRecord, SweepRecord
from expandcontract.model.situation import DEPLOYABLE, Situation
from expandcontract.model.verdict import Verdict

_WHY_DEPLOY = {
    Stage.NOT_STARTED: "the change is not started",
    Stage.BEFORE_READY: "the new side is not complete",
    Stage.HIDDEN: "only the new side is left",
    Stage.PURGED: "only the new side is left",
    Stage.ROLLED_BACK: "the change was rolled back",
    Stage.FINISHED: "the change is finished",
}


def may_deploy(situation: Situation) -> bool:
    """Say whether code that uses the new side may run now."""
    return situation.deployable


def why_deploy(situation: Situation) -> str:
    """Say why code that uses the new side may run, or not yet."""
    damaged = situation.stage in DEPLOYABLE and situation.damage
    return " ".join(damaged) if damaged else _why_deploy(situation)


def _why_deploy(situation: Situation) -> str:
    words = situation.plan.words
    if situation.plan.pair is None and situation.stage in DEPLOYABLE:
        return words.contracted if situation.stage in (Stage.HIDDEN, Stage.PURGED) else words.ready
    if situation.plan.pair is None and situation.stage == Stage.BEFORE_READY:
        return what_is_left(situation).rstrip(".").lower()
    if situation.stage == Stage.READY:
        return _why_ready(situation)
    return _WHY_DEPLOY[situation.stage]


def _why_ready(situation: Situation) -> str:
    if situation.plan.swap:
        return "every row is in sync; code that runs at contract must accept both types"
    if situation.plan.computed_outside:
        return "every row was filled; it must be able to read a row that old code left unfilled since"
    return "every row is in sync, and the new side has its indexes"


def may_contract(situation: Situation, verdicts: Sequence[Verdict]) -> bool:
    """Say whether contract would hide the old side now."""
    return situation.stage == Stage.READY and all(verdict.open for verdict in verdicts)


def why_contract(situation: Situation, verdicts: Sequence[Verdict]) -> str:
    """Say why contract may run, or not."""
    match situation.stage:
        case Stage.READY:
            shut = [verdict.gate for verdict in verdicts if not verdict.open]
            return f"{count(len(shut), 'gate')} shut ({', '.join(shut)})" if shut else _all_open(verdicts)
        case Stage.HIDDEN:
            return f"it is contracted already; {situation.plan.words.contracted}"
        case Stage.PURGED:
            return "it is contracted and purged"
        case Stage.BEFORE_READY:
            return "the change is not ready"
        case Stage.FINISHED:
            return "there was nothing to contract"
        case Stage.NOT_STARTED | Stage.ROLLED_BACK:
            return why_deploy(situation)
        case other:
            assert_never(other)


def _all_open(verdicts: Sequence[Verdict]) -> str:
    blind = [verdict.gate for verdict in verdicts if verdict.blind and not verdict.waived_by]
    return f"no gate is shut; blind: {', '.join(blind)}" if blind else "every gate is open"


def waiting_for(situation: Situation, verdicts: Sequence[Verdict]) -> str | None:
    """Say the first thing in the way of the next step; None when nothing is."""
    match situation.stage:
        case Stage.NOT_STARTED | Stage.PURGED | Stage.ROLLED_BACK | Stage.FINISHED:
            return None
        case Stage.BEFORE_READY:
            return (
                _paused(situation)
                or _failed(situation)
                or _throttled(situation.copy, situation.phases[Phase.BACKFILL])
                or what_is_left(situation)
            )
        case Stage.READY:
            return _before_contract(situation, verdicts)
        case Stage.HIDDEN if situation.canary_open:
            return f"the canary has not ended; ec undo {situation.name} takes contract back"
        case Stage.HIDDEN:
            return _undo_window(situation)
        case other:
            assert_never(other)


def _before_contract(situation: Situation, verdicts: Sequence[Verdict]) -> str | None:
    shut = (f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if not verdict.open)
    held_by = _throttled(situation.compare, situation.phases[Phase.VERIFY])
    return " ".join(situation.damage) or held_by or next(shut, None)


def next_command(situation: Situation, verdicts: Sequence[Verdict]) -> str | None:
    """Return the line to type next; None when there is nothing to do."""
    name = situation.name
    match situation.stage:
        case Stage.NOT_STARTED:
            return f"ec start {name}"
        case Stage.BEFORE_READY:
            return _towards_ready(situation)
        case Stage.READY:
            return _towards_contract(situation, verdicts)
        case Stage.HIDDEN if situation.canary_open:
            return f"ec contract {name} --canary 10min"
        case Stage.HIDDEN:
            return f"ec purge {name} --yes"
        case Stage.PURGED | Stage.ROLLED_BACK | Stage.FINISHED:
            return None
        case other:
            assert_never(other)


def way_back(situation: Situation) -> str | None:
    """Return the line that takes the change back; None when there is nothing to take back, or no way."""
    match situation.stage:
        case Stage.FINISHED if situation.plan.words.stays and situation.plan.copies:
            return None
        case Stage.BEFORE_READY | Stage.READY | Stage.FINISHED:
            return f"ec rollback {situation.name}"
        case Stage.HIDDEN:
            return f"ec undo {situation.name}"
        case Stage.NOT_STARTED | Stage.PURGED | Stage.ROLLED_BACK:
            return None
        case other:
            assert_never(other)


def _towards_ready(situation: Situation) -> str:
    name = situation.name
    if situation.wish.paused:
        return situation.wish.resume(name)
    if _somebody(situation):
        return f"ec status {name} --watch"
    writing = situation.phases[Phase.DUAL_WRITE].status == Status.DONE
    return f"ec backfill {name}" if writing else f"ec start {name}"


def _towards_contract(situation: Situation, verdicts: Sequence[Verdict]) -> str:
    shut = [verdict for verdict in verdicts if not verdict.open]
    if not shut:
        return f"ec contract {situation.name}"
    if situation.phases[Phase.VERIFY].status == Status.RUNNING and _somebody(situation):
        return f"ec status {situation.name} --watch"
    return gates.next_line(situation, shut)


def _somebody(situation: Situation) -> bool:
    return any(holder.alive for holder in situation.holders)


def _paused(situation: Situation) -> str | None:
    return situation.wish.pause if situation.wish.paused else None


def _failed(situation: Situation) -> str | None:
    record = situation.phases[situation.phase]
    return f"{record.phase.value} failed: {record.error}" if record.status == Status.FAILED else None


def _throttled(sweep: SweepRecord | None, phase: PhaseRecord) -> str | None:
    if sweep is None or sweep.finished or phase.status != Status.RUNNING or not sweep.throttled_by:
        return None
    return held(sweep.throttled_by)


def _undo_window(situation: Situation) -> str | None:
    if situation.hidden_at is None:
        return None
    left = situation.hidden_at + situation.policy.undo_window - situation.now
    if left.total_seconds() <= 0:
        return None
    return f"the undo window: {span(left)} left, until {moment(situation.now + left)}"
