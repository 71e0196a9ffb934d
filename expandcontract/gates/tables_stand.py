"""Hard: the other tables that the change works on are there, under their names."""

from expandcontract.model import beside
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "tables-stand"
HARD = True
ORDER = 35


def judge(situation: Situation) -> Verdict | None:
    """Open when each other table has the name and the columns that the plan's statements give it.

    Where the change works on one table there is no such gate.
    """
    others = situation.plan.others
    if not others:
        return None
    found = beside.faults(situation)
    if found:
        return Verdict(
            NAME,
            HARD,
            open=False,
            reason=" ".join(fault.sentence for fault in found),
            next=next((fault.next for fault in found if fault.next), ""),
        )
    names = ", ".join(str(site.table) for site in others)
    return Verdict(NAME, HARD, open=True, reason=f"{names}: as they were when the change was planned.")
