"""Soft: what the old side got after the plan was made is on the new side as well."""

from expandcontract.model.situation import Situation, Verdict

NAME = "carried"
HARD = False
ORDER = 115


def judge(situation: Situation) -> Verdict | None:
    """Shut when somebody gave the old side an index, a constraint or a default that the plan does not carry.

    Where nobody did, there is no such gate.
    """
    if not situation.live.uncarried:
        return None
    old, new = ", ".join(situation.plan.old_columns), ", ".join(situation.plan.new_columns)
    reason = (
        f"Came to {old} after the plan was made, and purge would drop it: "
        f"{'; '.join(situation.live.uncarried)}. Give {new} the same."
    )
    return Verdict(NAME, HARD, open=False, reason=reason)


def known(situation: Situation) -> str:
    """What came: an acknowledgement covers nothing that comes after it."""
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {'; '.join(situation.live.uncarried)}"
