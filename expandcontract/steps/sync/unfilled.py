"""What the sync function does with a row that is written before it was filled, as pieces of its body.

Who writes it cannot know it: a NULL that was read, and is written back beside another value, says nothing.
"""

from expandcontract.model.change import Pair
from expandcontract.steps.sync import predicates, rows, template


def completed(pair: Pair) -> str:
    """Return what makes OLD as it would be, had it been filled, and of NEW the parts that nobody gave."""
    return f"{_was(pair)}{_parts(pair)}"


def parts_completed(pair: Pair) -> str:
    """Return the same of a pair that is only filled, where some parts were given: the others would be taken
    for filled, and stay NULL. Nothing for a side of one column.
    """
    if not pair.more:
        return ""
    return f"{_was(pair, unless_silent=True)}{_parts(pair)}"


def _was(pair: Pair, *, unless_silent: bool = False) -> str:
    old, new = (of(pair, "OLD") for of in (predicates.old_values, predicates.new_values))
    given = f" AND {predicates.new_given(pair, predicates.new_values(pair, 'NEW'))}" if unless_silent else ""
    return (
        f"\n        IF {predicates.new_absent(pair, new)}{given} THEN\n"
        f"            {template.assigned(new, predicates.forward(pair, old, 'OLD'))}\n        END IF;"
    )


def _parts(pair: Pair) -> str:
    """Return what gives a part that is NULL beside others what it was. What the last trigger finds the first
    one has made: a NULL there is what forward makes.
    """
    if not pair.more:
        return ""
    new, was = (predicates.new_values(pair, row) for row in ("NEW", "OLD"))
    taken = "".join(
        f"\n            IF {predicates.absent(one)} THEN {one} := {before}; END IF;"
        for one, before in zip(new, was, strict=True)
    )
    as_written = f"(TG_NARGS OPERATOR(pg_catalog.=) 0 OR TG_ARGV[0] OPERATOR(pg_catalog.<>) '{rows.LAST}')"
    return f"\n        IF {as_written} AND {predicates.new_given(pair, new)} THEN{taken}\n        END IF;"
