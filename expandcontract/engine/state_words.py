"""Where a change is, in one word, and what is in its way: the same on every surface. Pure.

`ec status`, its JSON, metrics, pages and fleets tell this and nothing of their own. For whoever has SQL
alone the view summary_v1 decides by the same rules, of what the ledger knows and what the gates said last;
tests/postgres/test_summary.py holds the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from expandcontract.model.phases import Phase, Stage, State, Status
from expandcontract.model.records import SweepRecord
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict


class StateWord(StrEnum):
    """Where a change is. Those that want somebody most come first."""

    NOBODY = "nobody is working on it"
    FAILED = "failed"
    PAUSED = "paused"
    HELD_BACK = "held back"
    RUNNING = "running"
    WAITING_FOR_LOCK = "waiting for a lock"
    WAITING_FOR_SNAPSHOTS = "waiting for snapshots"
    READY_TO_DEPLOY = "ready to deploy"
    WAITING_FOR_GATES = "waiting for gates"
    MAY_BE_CONTRACTED = "may be contracted"
    HIDDEN = "hidden"
    FINISHED = "finished"
    PURGED = "purged"
    ROLLED_BACK = "rolled back"
    UNREACHABLE = "cannot be reached"


#: What is over: nothing of it waits for anybody.
OVER = frozenset({StateWord.FINISHED, StateWord.PURGED, StateWord.ROLLED_BACK})


class BlockKind(StrEnum):
    """Why a change does not go on."""

    #: Nobody is at work on it, and there is work.
    DEAD = "dead"
    PAUSED = "paused"
    THROTTLED = "throttled"
    LOCK = "lock"
    SNAPSHOT = "snapshot"
    #: It waits for somebody's decision, deploy or command.
    HUMAN = "human"


@dataclass(frozen=True)
class Blocked:
    """What a change waits for: since when, as far as that is known, and in a sentence."""

    kind: BlockKind
    detail: str
    since: datetime | None = None


@dataclass(frozen=True)
class Told:
    """A change in one word. `blocked` is None where it goes on by itself, or is over.

    `last_progress_at` is when a batch or step of it was done last; `worker_alive` says that somebody is at
    work, which is known within 10 s of his death.
    """

    word: StateWord
    blocked: Blocked | None
    last_progress_at: datetime | None
    worker_alive: bool


_ENDS = {
    Stage.PURGED: StateWord.PURGED,
    Stage.ROLLED_BACK: StateWord.ROLLED_BACK,
    Stage.FINISHED: StateWord.FINISHED,
}


#: What holders of a lease say of themselves.
_WAITS = {BlockKind.LOCK: StateWord.WAITING_FOR_LOCK, BlockKind.SNAPSHOT: StateWord.WAITING_FOR_SNAPSHOTS}


def told(situation: Situation, verdicts: Sequence[Verdict]) -> Told:
    """Return where a change is; `verdicts` are those of its gates."""
    alive = any(holder.alive for holder in situation.holders)
    word, blocked = _judged(situation, verdicts, alive=alive)
    return Told(word, blocked, _last_progress(situation), alive)


def _judged(
    situation: Situation, verdicts: Sequence[Verdict], *, alive: bool
) -> tuple[StateWord, Blocked | None]:
    end = _ENDS.get(situation.stage)
    if end is not None:
        return end, None
    if alive:
        return _at_work(situation)
    failure = _failure(situation)
    if failure is not None:
        return StateWord.FAILED, failure
    if situation.stage == Stage.HIDDEN:
        return _hidden(situation)
    if situation.stage == Stage.READY and not _is_to_be_proven(situation):
        return _ready(situation, verdicts)
    # Paused or not: whoever resumes it lets nobody go on.
    paused = f" It is {situation.wish.pause}." if situation.wish.paused else ""
    detail = f"Nobody is working on it.{paused}"
    return StateWord.NOBODY, Blocked(BlockKind.DEAD, detail, _last_heard(situation))


def _failure(situation: Situation) -> Blocked | None:
    """Return what nobody goes on from by himself: a command that ended in an error, or what others did."""
    failed = next((each for each in situation.phases.values() if each.status == Status.FAILED), None)
    if failed is not None:
        return Blocked(BlockKind.HUMAN, f"{failed.phase.value} failed: {failed.error}", failed.finished_at)
    return Blocked(BlockKind.HUMAN, " ".join(situation.damage)) if situation.damage else None


def _at_work(situation: Situation) -> tuple[StateWord, Blocked | None]:
    if situation.wish.paused and _sweep(situation) is not None:
        wish = situation.wish
        return StateWord.PAUSED, Blocked(BlockKind.PAUSED, wish.pause, wish.paused_at)
    sweep = _sweep(situation)
    if sweep is not None and sweep.throttled_by:
        return StateWord.HELD_BACK, Blocked(BlockKind.THROTTLED, sweep.throttled_by)
    waits = next((each.waits for each in situation.holders if each.alive and each.waits), None)
    if waits is not None:
        kind = BlockKind(waits.kind)
        return _WAITS[kind], Blocked(kind, waits.detail, waits.since)
    return StateWord.RUNNING, None


def _ready(situation: Situation, verdicts: Sequence[Verdict]) -> tuple[StateWord, Blocked | None]:
    shut = [verdict for verdict in verdicts if not verdict.open]
    if not shut:
        return StateWord.MAY_BE_CONTRACTED, Blocked(
            BlockKind.HUMAN, "Every gate is open: contract may begin."
        )
    since = situation.ready_at
    if any(verdict.gate == "new-code-seen" for verdict in shut):
        return StateWord.READY_TO_DEPLOY, Blocked(BlockKind.HUMAN, "New code was not seen yet.", since)
    detail = " ".join(f"{verdict.gate}: {verdict.reason}" for verdict in shut)
    return StateWord.WAITING_FOR_GATES, Blocked(BlockKind.HUMAN, detail, since)


def _hidden(situation: Situation) -> tuple[StateWord, Blocked | None]:
    if situation.canary_open:
        return StateWord.NOBODY, Blocked(BlockKind.DEAD, "The canary has not ended.", situation.hidden_at)
    ends = None if situation.hidden_at is None else situation.hidden_at + situation.policy.undo_window
    if ends is None or ends <= situation.now:
        return StateWord.HIDDEN, Blocked(BlockKind.HUMAN, "The undo window is over: purge may come.", ends)
    return StateWord.HIDDEN, None


def _is_to_be_proven(situation: Situation) -> bool:
    """Whether rows are compared, or are to be, by somebody who is not there."""
    compared = situation.plan.pair is not None or situation.plan.compares
    return compared and situation.phases[Phase.VERIFY].status != Status.DONE


def _sweep(situation: Situation) -> SweepRecord | None:
    """Return the copy or the comparison that is under way."""
    for phase, record in ((Phase.BACKFILL, situation.copy), (Phase.VERIFY, situation.compare)):
        if situation.phases[phase].status == Status.RUNNING and record is not None and not record.finished:
            return record
    return None


def _last_progress(situation: Situation) -> datetime | None:
    if situation.state != State.ACTIVE:
        return None if situation.newest_step is None else situation.newest_step.since
    sweeps = (record.active_at for record in (situation.copy, situation.compare) if record is not None)
    steps = () if situation.newest_step is None else (situation.newest_step.since,)
    return max(filter(None, (*sweeps, *steps)), default=None)


def _last_heard(situation: Situation) -> datetime | None:
    """Return when somebody who is gone was heard last."""
    ends = max((holder.until for holder in situation.holders), default=None)
    return _last_progress(situation) if ends is None else min(ends, situation.now)
