"""What undo asks of the rows, as SQL that was made when the plan was compiled. Pure data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Undo:
    """Predicates over `t` after contract.

    `not_held`: the hidden side could not hold the row's value. `barred`: the old side's own constraints would
    refuse the row. `drifted`: the hidden side holds what it held before, as nothing kept it current when the
    row was written; `mend` is the UPDATE of `t` that makes it right, without its WHERE. Plans of format 1
    tell nothing of that: both are empty.
    """

    not_held: str = "false"
    barred: str = "false"
    drifted: str = ""
    mend: str = ""
