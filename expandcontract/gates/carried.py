"""Soft: what the old side got, or lost, after the plan was made is so on the new side as well."""

from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "carried"
HARD = False
WAITS = False
ORDER = 115


def judge(situation: Situation) -> Verdict | None:
    """Shut when somebody gave the old side an index, a constraint or a default that the plan does not carry,
    or took from it what the new side has still.

    Where nobody did, there is no such gate.
    """
    if not situation.live.uncarried and not situation.live.went:
        return None
    old, new = ", ".join(situation.plan.old_columns), ", ".join(situation.plan.new_columns)
    reasons = []
    if situation.live.uncarried:
        reasons.append(
            f"Came to {old} after the plan was made, and purge would drop it: "
            f"{'; '.join(situation.live.uncarried)}. Give {new} the same."
        )
    if situation.live.went:
        reasons.append(
            f"Gone from {old} since the plan was made: {'; '.join(situation.live.went)}. With contract {new} "
            "has its twin all the same, and rows that it would refuse keep contract shut: go on with it, or "
            "roll back and plan anew."
        )
    reason = " ".join(reasons)
    return Verdict(NAME, HARD, open=False, reason=reason)


def known(situation: Situation) -> str:
    """What came: an acknowledgement covers nothing that comes after it."""
    known_ = "; ".join((*situation.live.uncarried, *(f"no {each}" for each in situation.live.went)))
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {known_}"
