"""Hard: no row holds a value that the other side cannot hold; purge would destroy it."""

from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "no-conflicts"
HARD = True
ORDER = 60


def judge(situation: Situation) -> Verdict | None:
    """Open when the last proof found no such value and none was recorded since.

    Under the policy `refuse` only rows from before the change can hold one, under `record` new ones too.
    """
    if situation.plan.pair is None:
        return None
    if situation.conflicts == 0:
        return Verdict(NAME, HARD, open=True, reason="Each side holds every value of the other.")
    values = "1 value does" if situation.conflicts == 1 else f"{situation.conflicts:,} values do"
    reason = f"{values} not fit the other side. Correct those rows, then verify again."
    command = f"ec verify {situation.name} --show-values"
    return Verdict(NAME, HARD, open=False, reason=reason, next=command)
