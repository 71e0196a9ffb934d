"""Everything of the catalog that a plan is compiled from, as one value that can be written to a file and read back."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.relation import Relation
from expandcontract.postgres.catalog.trigger import Trigger


@dataclass(frozen=True)
class Snapshot:
    """The table of a change as the catalog describes it now.

    `dependents` are those of the column that the change is about. `server_version` is server_version_num. `taken_names` are the names of relations in the table's schema
    and of constraints on the table, which new indexes and constraints must avoid.
    """

    server_version: int
    relation: Relation
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    constraints: tuple[Constraint, ...]
    triggers: tuple[Trigger, ...]
    dependents: tuple[ColumnDependent, ...]
    taken_names: frozenset[str]

    @property
    def table(self) -> RelationName:
        return self.relation.name

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key in key order; empty without one."""
        return next((index.columns for index in self.indexes if index.primary), ())
