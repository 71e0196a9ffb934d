"""What the sync function does where a column of neither side changes that forward or back reads, as pieces of
its body.

Whose the new side is the row itself tells: what forward made of the row as it was is the old side's, and is
made anew; anything else new code wrote, and it stays.
"""

from expandcontract.model.change import Pair
from expandcontract.steps.sync import notes, predicates, template
from expandcontract.steps.sync.subject import Sync


def declare(pair: Pair) -> str:
    """Return the variables of the other pieces; nothing where the expressions read no such column."""
    if not pair.beside:
        return ""
    return (
        "\n    anew boolean := false;  -- what forward made is made anew: a column that it reads has changed"
        "\n    kept boolean := false;  -- new code wrote the new side, and such a column has changed"
    )


def told(pair: Pair) -> str:
    """Return what tells them, once `old_given` and `new_given` are known."""
    if not pair.beside:
        return ""
    old, new = predicates.old_values(pair, "OLD"), predicates.new_values(pair, "OLD")
    made = predicates.same_new(pair, new, predicates.forward(pair, old, "OLD"))
    unchanged = predicates.beside_unchanged(pair)
    return f"""
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT (old_given OR new_given) AND NOT ({unchanged}) THEN
        anew := {made};
        kept := NOT anew AND {predicates.new_given(pair, new)};
    END IF;"""


def or_made_anew(pair: Pair) -> str:
    """Return what joins the condition under which forward is applied."""
    return " OR anew" if pair.beside else ""


def given_back(sync: Sync) -> str:
    """Return the branch in which back is applied to what new code wrote; nothing where it reads no other
    column, and so gives what it gave.
    """
    pair = sync.pair
    if not pair.back_reads:
        return ""
    old, new = predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW")
    back = predicates.back(pair, new, "NEW")
    return f"""ELSIF kept THEN
        {template.assigned(old, back)}{notes.back_fits(sync)}
    """


def fits(sync: Sync) -> str:
    """Return what happens to a value of the old side that the new one can hold no more. One that it could not
    hold before is no matter of this write.
    """
    pair = sync.pair
    if not pair.beside:
        return ""
    sides = (predicates.old_values(pair, "OLD"), predicates.new_values(pair, "OLD"))
    before = notes.forward_misfit(pair, *sides, row="OLD") or "false"
    return f"""
        IF anew AND NOT ({before}) THEN{notes.forward_fits(sync)}
        END IF;"""
