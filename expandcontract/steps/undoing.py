"""What undo asks of the rows of a pair, as SQL."""

from collections.abc import Sequence
from dataclasses import replace

from expandcontract.model.change import Pair
from expandcontract.model.names import quote
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan
from expandcontract.model.undo import Undo
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.predicates import CarriedCheck


def of(pair: Pair, checks: Sequence[CarriedCheck]) -> Undo:
    """Return it for a pair of which contract takes `checks` from the old side."""
    drifted, mend = _drift(pair)
    return Undo(predicates.not_held(pair, "t"), predicates.barred(pair, checks, "t"), drifted, mend)


def completed(plan: Plan) -> Undo:
    """Return it for a plan, also for one that an earlier program made, which told nothing of drift."""
    if plan.undo.drifted:
        return plan.undo
    drifted, mend = _drift(plan.sides)
    return replace(plan.undo, drifted=drifted, mend=mend)


def _drift(pair: Pair) -> tuple[str, str]:
    if pair.one_way:
        return "false", ""
    # A new side that is NULL has nothing to lose: it is filled from the old one again.
    agree = predicates.agree(pair, "t", State.HIDDEN)
    values = predicates.new_values(pair, "t", State.HIDDEN)
    drifted = f"{predicates.new_given(pair, values)} AND NOT ({agree})"
    hidden = (quote(each.at(State.HIDDEN)) for each in pair.olds)
    backs = zip(hidden, predicates.back(pair, values, "t"), strict=True)
    return drifted, f"UPDATE {pair.table} t SET {', '.join(f'{name} = {made}' for name, made in backs)}"
