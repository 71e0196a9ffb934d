"""Hard: nothing in the database names the old column in a way that breaks when its name goes."""

from collections.abc import Sequence

from expandcontract.model.live import Dependent
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "dependents-clear"
HARD = True
ORDER = 50


def judge(situation: Situation) -> Verdict | None:
    """Open when PostgreSQL renames along whatever depends on the old side; that hinders only purge.

    A swap keeps the name: bodies go on with the new column, and contract makes the triggers anew that the
    plan knows. Where only a mention in a text is known, another gate asks.
    """
    plan, dependents = situation.plan, situation.live.dependents
    if not plan.old_side:
        return None
    blocking = [each for each in dependents if each.blocks_hide and not _kept(situation, each)]
    carried = [each for each in dependents if not each.blocks_hide]
    column = plan.old_side
    if blocking:
        reason = f"Would fail without {column}: {listed(blocking)}. Replace or drop them."
        return Verdict(NAME, HARD, open=False, reason=reason, next=f"ec contract {situation.name}")
    if carried:
        reason = f"Still on {column}, and in the way of purge: {listed(carried)}."
        return Verdict(NAME, HARD, open=True, reason=reason)
    if any(each.mentions for each in dependents) and not plan.swap:
        return Verdict(NAME, HARD, open=True, reason=f"Nothing is known to depend on {column}.")
    return Verdict(NAME, HARD, open=True, reason=f"Nothing in the database depends on {column}.")


def _kept(situation: Situation, dependent: Dependent) -> bool:
    """Whether it goes on all the same, or is another gate's."""
    if dependent.kind == "function body":
        return situation.plan.swap or dependent.mentions
    return dependent.name in situation.plan.remade


def listed(dependents: Sequence[Dependent]) -> str:
    """Return them by kind and name."""
    return ", ".join(f"{dependent.kind} {dependent.name}" for dependent in dependents)
