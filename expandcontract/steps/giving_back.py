"""Which rows take the value back that a rollback kept of them, as SQL over the row `t` and what is `kept`."""

from expandcontract.model.change import Pair
from expandcontract.model.names import qualify_type, quote
from expandcontract.steps.sync import predicates


def value(pair: Pair) -> str:
    """Return the value that was kept."""
    return f"(kept.new_value)::{qualify_type(pair.new.type)}"


def taken(pair: Pair, sync_schema: str) -> str:
    """Return what is true of a row that nobody has changed since: its old side is the one that the value was
    kept with, its new side what the old one makes of it, and the old side can hold the value.
    """
    olds, (new,) = predicates.old_values(pair, "t"), predicates.new_values(pair, "t")
    untouched = predicates.same_new(pair, (new,), predicates.forward(pair, olds, "t"))
    back = predicates.back(pair, (value(pair),), "t")
    fits = "true" if pair.one_way else predicates.same_old(pair, olds, back)
    # Of several old columns the first one was kept; what the value is taken back to tells of all of them.
    old, equal = olds[0], "OPERATOR(pg_catalog.=) kept.old_value"
    as_kept = (
        f"CASE WHEN kept.old_value IS NULL THEN {predicates.first_absent(pair, old)} ELSE COALESCE("
        # Kept by an earlier program: a cast, in which a char has no blanks.
        f"{quote(sync_schema)}.as_text({old}) {equal} OR ({old})::pg_catalog.text {equal}, false) END"
    )
    return f"{untouched} AND {as_kept} AND {fits}"
