"""Hard: every row was copied, and the new side has its indexes."""

from expandcontract.model.phases import Section
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "backfilled"
HARD = True
ORDER = 10


def judge(situation: Situation) -> Verdict | None:
    """Open when the change is ready, and the new side has all that it had then. Where nothing is filled or
    built there is no such gate.

    A shut gate counts what is left: blocks exactly, rows about.
    """
    if situation.plan.pair is None and not situation.plan.steps(Section.BACKFILL):
        return None
    if situation.backfilled and situation.live.lost:
        reason = " ".join(lost.sentence(situation.plan) for lost in situation.live.lost)
        return Verdict(NAME, HARD, open=False, reason=reason, next=f"ec backfill {situation.name}")
    if situation.backfilled:
        pair = situation.plan.pair is not None
        reason = "Every row is copied and the new side is settled." if pair else "All that it needs is there."
        return Verdict(NAME, HARD, open=True, reason=reason)
    return Verdict(NAME, HARD, open=False, reason=_reason(situation), next=_next(situation))


def _reason(situation: Situation) -> str:
    if not situation.started:
        return "The change was not started."
    if situation.plan.pair is None and situation.copy is None:
        return "What it needs is not there yet."
    if situation.copy is None:
        return "No row was copied yet."
    if situation.copy.finished:
        return "Every row is copied; the new side lacks some of its indexes."
    return situation.copy.what_is_left(situation.live.rows)


def _next(situation: Situation) -> str:
    if not situation.started:
        return f"ec start {situation.name}"
    name = situation.name
    return situation.wish.resume(name) if situation.wish.paused else f"ec backfill {name}"
