"""What a change keeps up on a table: triggers, with the functions that they call. Pure data."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName
from expandcontract.model.phases import Stage

#: Where something stands that contract takes away.
UNTIL_CONTRACT = (Stage.BEFORE_READY, Stage.READY)


@dataclass(frozen=True)
class KeptUp:
    """A trigger that keeps something true, as the ledger has it in `upkeep`.

    `trigger` comes after those of the user and stands in `stages`, from dual_write on; `first_trigger` comes
    before them, until contract, and is empty where there is none. Where a change has functions alone, so is
    `trigger`. `functions` are those that there must be before contract, `hidden_functions` those after it, in
    their schemas. `old_columns` and `new_columns` are the two sides of a pair under their names before
    contract, empty where nothing is held together. `notes_use` says that what it notes tells old code from
    new. `site` is the number of the table, 0 for the one that names the change.
    """

    trigger: str
    functions: tuple[RelationName, ...]
    hidden_functions: tuple[RelationName, ...] = ()
    stages: tuple[Stage, ...] = UNTIL_CONTRACT
    first_trigger: str = ""
    old_columns: tuple[str, ...] = ()
    new_columns: tuple[str, ...] = ()
    notes_use: bool = True
    site: int = 0


def functions_alone(functions: tuple[RelationName, ...]) -> KeptUp:
    """Return functions that a change needs as they are, and that no trigger calls."""
    return KeptUp("", functions, stages=(), notes_use=False)
