"""What the trigger of a pair that is filled does to the old side, in plans of programs before 0.2: it takes
what is filled for new code's, and writes what back makes of it over the old value.
"""

from expandcontract.model.change import Mode
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Transactional
from expandcontract.steps.sessions import FILLING
from expandcontract.steps.sync import predicates


def bent(plan: Plan) -> str:
    """Return SQL that is true of a row `t` whose old side a copy would change; empty where none can be."""
    pair = plan.pair
    if pair is None or pair.mode != Mode.FILL or pair.back is None or _is_guarded(plan):
        return ""
    old = predicates.old_values(pair, "t")
    given_back = predicates.back(pair, predicates.forward(pair, old, "t"), "t")
    return f"{predicates.old_given(pair, old)} AND NOT {predicates.same_old(pair, old, given_back)}"


def _is_guarded(plan: Plan) -> bool:
    actions = (step.action for step in plan.steps(Section.DUAL_WRITE))
    return any(
        FILLING in statement
        for action in actions
        if isinstance(action, Transactional)
        for statement in action.statements
    )
