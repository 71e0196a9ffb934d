"""Constraints that are not indexes: CHECK and FOREIGN KEY, and the foreign keys that point here."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class Constraint:
    """A constraint of the table, or (`inbound`) a foreign key of another table that references it.

    `kind` is pg_constraint.contype: `c` or `f`. `columns` are this table's columns in it, `definition` is pg_get_constraintdef(). For a foreign key `table` is the table that has it,
    `other_table` the table that it references, `other_columns` the referenced columns, in the order of `columns`.
    """

    name: str
    kind: str
    table: RelationName
    columns: tuple[str, ...]
    definition: str
    validated: bool
    enforced: bool
    deferrable: bool
    deferred: bool
    no_inherit: bool
    comment: str | None
    inbound: bool = False
    other_table: RelationName | None = None
    other_columns: tuple[str, ...] = ()
    on_update: str = ""
    on_delete: str = ""
    match: str = ""
    delete_set_columns: tuple[str, ...] = ()
