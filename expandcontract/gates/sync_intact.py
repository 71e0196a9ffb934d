"""Hard: the trigger and the functions that keep both sides in sync stand as they were made."""

from expandcontract.model.phases import Phase, Status
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "sync-intact"
HARD = True
ORDER = 30


def judge(situation: Situation) -> Verdict | None:
    """Open when nothing is wrong with the trigger, its functions and the columns of the pair.

    Without a pair of columns there is no such gate.
    """
    if situation.plan.pair is None:
        return None
    if not situation.live.table_exists:
        return _shut(f"The table {situation.plan.table} is gone.", "ec doctor")
    if situation.phases[Phase.DUAL_WRITE].status != Status.DONE:
        return _shut("The two sides are not kept in sync yet.", f"ec start {situation.name}")
    if situation.live.sync_faults:
        return _shut(" ".join(situation.live.sync_faults), f"ec backfill {situation.name}")
    if situation.plan.computed_outside:
        reason = "A value that was made of another old one never stays; contract proves that none is missing."
        return Verdict(NAME, HARD, open=True, reason=reason)
    return Verdict(NAME, HARD, open=True, reason="Every write keeps both sides in sync.")


def _shut(reason: str, command: str) -> Verdict:
    return Verdict(NAME, HARD, open=False, reason=reason, next=command)
