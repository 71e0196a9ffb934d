"""Hard: under the policy `record`, no value waits in the ledger that one of the sides could not hold."""

from expandcontract.model.change import Unfit
from expandcontract.model.situation import Situation, Verdict

NAME = "no-conflicts"
HARD = True
ORDER = 60


def judge(situation: Situation) -> Verdict | None:
    """Open without recorded values. Under the policy `refuse` there are none, and no such gate."""
    if situation.plan.pair.unfit == Unfit.REFUSE:
        return None
    if situation.conflicts == 0:
        return Verdict(NAME, HARD, open=True, reason="Each side holds every value of the other.")
    values = "1 value" if situation.conflicts == 1 else f"{situation.conflicts:,} values"
    return Verdict(
        NAME, HARD, open=False,
        reason=f"{values} did not fit the other side. Correct those rows, then prove again.",
        next=f"ec log {situation.name}",
    )  # fmt: skip
