"""How an open change is: what is wrong with it, or else what it waits for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract import gates
from expandcontract.model import beside
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.records import SweepRecord
from expandcontract.model.situation import Situation

#: This many are told one by one.
MOST_NAMED = 5
#: What goes on with a phase.
_VERBS = {
    Phase.EXPAND: "start",
    Phase.DUAL_WRITE: "start",
    Phase.BACKFILL: "backfill",
    Phase.VERIFY: "verify",
    Phase.CONTRACT: "contract",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `well` is False for what needs attention; `next` is the line that mends
    it. `waits`: nothing is wrong, and the change does not go on all the same.
    """

    subject: str
    well: bool
    sentence: str
    next: str = ""
    waits: bool = False


def damage(situation: Situation) -> tuple[str, ...]:
    """Return in sentences what somebody did to an open change: to its trigger, functions or columns, to its
    proof, to what its new side had.
    """
    proof, active = situation.proof, situation.state == State.ACTIVE
    spoiled = proof.differences if proof is not None and active else ()
    proofs = (f"The proof does not hold any more: {'; '.join(spoiled)}.",) if spoiled else ()
    return (*(situation.damage if active else situation.live.sync_faults), *proofs)


def of(situation: Situation, locks: Sequence[str] = ()) -> Finding:
    """Return what is wrong with an open change, or what it waits for, the worst of it. Pure.

    `locks` tells who has held a lock on its table for long.
    """
    return _wrong(situation) or _waits(situation, locks) or _well(situation)


def _well(situation: Situation) -> Finding:
    pair = situation.plan.pair is not None
    sentence = "What keeps its sides in sync stands." if pair else "Nothing of it is missing."
    return Finding(situation.name, well=True, sentence=sentence)


def _wrong(situation: Situation) -> Finding | None:
    name = situation.name
    if situation.live.is_copy:
        copied = (
            f"{name} was started in another database, of which this is a copy: leases and proofs are void."
        )
        verb = "undo" if situation.state == State.HIDDEN else "rollback"
        return Finding(name, well=False, sentence=copied, next=f"ec {verb} {name}")
    if faults := damage(situation):
        mends = "ec doctor --repair" if situation.state == State.HIDDEN else f"ec backfill {name}"
        return Finding(name, well=False, sentence=" ".join(faults), next=mends)
    if found := beside.faults(situation):
        said = " ".join(fault.sentence for fault in found)
        return Finding(name, well=False, sentence=said, next=next((f.next for f in found if f.next), ""))
    record = situation.phases[situation.phase]
    if record.status == Status.FAILED:
        again = _VERBS[record.phase]
        said = f"Phase {record.phase} failed: {record.error}"
        return Finding(name, well=False, sentence=said, next=f"ec {again} {name}")
    return None


def _waits(situation: Situation, locks: Sequence[str]) -> Finding | None:
    """Say why a change does not go on although nothing is wrong with it."""
    name, record = situation.name, situation.phases[situation.phase]
    dead = next((holder for holder in situation.holders if not holder.alive), None)
    alive = any(holder.alive for holder in situation.holders)
    next_ = ""
    if situation.wish.paused:
        said, next_ = f"P{situation.wish.pause[1:]}.", situation.wish.resume(name)
    elif dead is not None and not alive:
        said = f"{dead} is gone, and nobody is at work; the next command takes its lease over."
        next_ = f"ec {dead.verb} {name}"
    elif locks:
        said = (
            f"Whoever needs a strong lock on {situation.plan.table} waits: {'; '.join(locks[:MOST_NAMED])}."
        )
    elif record.status == Status.RUNNING and not alive and situation.state == State.ACTIVE:
        said, next_ = f"Nobody is at work on phase {record.phase}.", f"ec {_VERBS[record.phase]} {name}"
    elif (sweep := _under_way(situation)) is not None and sweep.throttled_by:
        said, next_ = f"Held back: {sweep.throttled_by}.", f"ec status {name}"
    elif shut := [verdict.gate for verdict in gates.judge_all(situation) if not verdict.open]:
        ready = situation.was_ready
        said = f"Ready; shut for contract: {', '.join(shut)}." if ready else "Not ready yet."
        next_ = f"ec gates {name}" if ready else f"ec status {name}"
    else:
        return None
    return Finding(name, well=True, waits=True, sentence=said, next=next_)


def _under_way(situation: Situation) -> SweepRecord | None:
    running = {Phase.BACKFILL: situation.copy, Phase.VERIFY: situation.compare}.get(situation.phase)
    return running if running is not None and not running.finished else None
