"""Hard: every partition or child, one attached yesterday too, has the trigger and was swept."""

from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "leaves-covered"
HARD = True
ORDER = 40


def judge(situation: Situation) -> Verdict | None:
    """Open when no leaf lacks the trigger and none was left out by the backfill.

    Without a pair of columns there is no such gate.
    """
    if situation.plan.pair is None:
        return None
    leaves = situation.live.leaves
    faults = [f"{leaf.name} has no working trigger" for leaf in leaves if not leaf.trigger_intact]
    faults += [f"{leaf.name} was never copied" for leaf in leaves if not leaf.swept]
    if faults:
        reason = f"{'; '.join(faults)}."
        return Verdict(NAME, HARD, open=False, reason=reason, next=f"ec backfill {situation.name}")
    what = "The table is" if len(leaves) == 1 else f"All {len(leaves)} partitions or children are"
    return Verdict(NAME, HARD, open=True, reason=f"{what} covered by trigger and backfill.")
