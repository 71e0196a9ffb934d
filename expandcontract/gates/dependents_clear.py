"""Hard: nothing in the database names the old column in a way that breaks when its name goes."""

from expandcontract.model.situation import Dependent, Situation, Verdict

NAME = "dependents-clear"
HARD = True
ORDER = 50


def judge(situation: Situation) -> Verdict:
    """Open when PostgreSQL renames along whatever depends on the old side; that hinders only purge."""
    blocking = [dependent for dependent in situation.live.dependents if dependent.blocks_hide]
    carried = [dependent for dependent in situation.live.dependents if not dependent.blocks_hide]
    column = ", ".join(situation.plan.old_columns)
    if blocking:
        reason = f"Would fail without {column}: {_list(blocking)}. Replace or drop them."
        return Verdict(NAME, HARD, open=False, reason=reason, next=f"ec contract {situation.name}")
    if carried:
        reason = f"Still on {column}, and in the way of purge: {_list(carried)}."
        return Verdict(NAME, HARD, open=True, reason=reason)
    return Verdict(NAME, HARD, open=True, reason=f"Nothing in the database depends on {column}.")


def _list(dependents: list[Dependent]) -> str:
    return ", ".join(f"{dependent.kind} {dependent.name}" for dependent in dependents)
