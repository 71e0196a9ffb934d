"""Soft, and only where the policy asks for it: somebody said yes to this plan; where the policy says so,
somebody else than who started it.
"""

from expandcontract.model.records import Waiver
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "approval"
HARD = False
WAITS = False
ORDER = 140
#: What the policy says where who started a change may not approve it.
OTHER = "other"


def judge(situation: Situation) -> Verdict | None:
    """Shut until somebody acknowledges it; there is no such gate unless `policy.approval` is set."""
    if not situation.policy.approval:
        return None
    if situation.policy.approval == OTHER:
        reason = "Somebody must approve before contract, under another name and role than who started it."
        return Verdict(NAME, HARD, open=False, reason=reason)
    return Verdict(NAME, HARD, open=False, reason="Somebody must approve before contract.")


def counts(situation: Situation, waiver: Waiver) -> bool:
    """Whether the policy takes this one's word."""
    return not (situation.policy.approval == OTHER and waiver.by_starter)


def known(situation: Situation) -> str:
    """The plan that was approved: another attempt, another plan, or an undo asks again."""
    return f"plan {situation.plan.fingerprint}, attempt {situation.attempt}, cycle {situation.cycle}"
