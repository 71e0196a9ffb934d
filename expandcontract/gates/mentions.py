"""Soft: no text in the database mentions the old column, as far as anybody can tell."""

from expandcontract.gates.dependents_clear import listed
from expandcontract.model.live import Dependent
from expandcontract.model.situation import Situation
from expandcontract.model.verdict import Verdict

NAME = "mentions"
HARD = False
WAITS = False
ORDER = 105


def judge(situation: Situation) -> Verdict | None:
    """Shut while a function has the names of column and table in its text. It may mean another column, or run
    never again: whoever read it may say so. Without any, and for a swap, which keeps the name, there is no
    such gate.
    """
    column, found = situation.plan.old_side, _mentioning(situation)
    if situation.plan.swap or not found:
        return None
    reason = f"May fail without {column}, whose name is in the text: {listed(found)}. Read it."
    return Verdict(NAME, HARD, open=False, reason=reason)


def known(situation: Situation) -> str:
    """Each text: one that was replaced since must be read again."""
    texts = ", ".join(sorted(f"{each.name} {each.text}" for each in _mentioning(situation)))
    return f"attempt {situation.attempt}, cycle {situation.cycle}: {texts}"


def _mentioning(situation: Situation) -> list[Dependent]:
    return [each for each in situation.live.dependents if each.blocks_hide and each.mentions]
