"""The view that stands under the old name of a table that went aside, where somebody dropped it, or where
something else has its name.
"""

from dataclasses import replace

from expandcontract.model.errors import Refused
from expandcontract.model.live import Front
from expandcontract.model.situation import Situation
from expandcontract.model.step import Transactional


def require(situation: Situation) -> None:
    """Raise Refused where something else than the view has its name: that is neither ours to drop, nor can
    the table have its name back meanwhile.
    """
    if situation.live.front != Front.TAKEN:
        return
    plan = situation.plan
    raise Refused(
        f"{plan.table} is not the view of {situation.table} any more: something else took its name.",
        why="Somebody dropped the view, and made a relation of another kind under that name.",
        state=f"Nothing was changed; the rows are in {situation.table}.",
        next=f"Give what is called {plan.table} another name, then run the same command again.",
    )


def present(situation: Situation, action: Transactional) -> Transactional:
    """Pure. Return the action with locks on what is there: the table alone, where the view is missing. What
    is gone need not be dropped.
    """
    if situation.live.front != Front.MISSING:
        return action
    named, now = situation.plan.table.sql, situation.table.sql
    locks = [replace(lock, relation=now) if lock.relation == named else lock for lock in action.locks]
    return replace(action, locks=tuple(dict.fromkeys(locks)))
