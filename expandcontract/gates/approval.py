"""Soft, and only where the policy asks for it: somebody said yes to this plan."""

from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "approval"
HARD = False
WAITS = False
ORDER = 140


def judge(situation: Situation) -> Verdict | None:
    """Shut until somebody acknowledges it; there is no such gate unless `policy.approval` is set."""
    if not situation.policy.approval:
        return None
    return Verdict(NAME, HARD, open=False, reason="Somebody must approve before contract.")


def known(situation: Situation) -> str:
    """The plan that was approved: another attempt, another plan, or an undo asks again."""
    return f"plan {situation.plan.fingerprint}, attempt {situation.attempt}, cycle {situation.cycle}"
