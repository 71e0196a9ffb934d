"""Tables: what pg_class says of the table that a change is about, and of the relations below it."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class LeafTable:
    """A relation with storage: the table itself, a leaf partition, or a child by inheritance. `foreign` ones have none of ours."""

    name: RelationName
    foreign: bool = False


@dataclass(frozen=True)
class Relation:
    """A table.

    `kind` is pg_class.relkind (`r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign table, ...), `persistence` pg_class.relpersistence.
    `leaves` are all relations with storage below it, itself included, sorted by name; for a partitioned table its leaf partitions.
    `partition_keys` are the columns (also those inside expressions) by which it or one of its partitions is partitioned.
    `publications` are those that publish the table, itself or through an ancestor, FOR ALL TABLES or its schema.
    """

    name: RelationName
    kind: str
    persistence: str
    access_method: str | None
    owner: str
    system: bool
    partition_of: RelationName | None
    partition_keys: tuple[str, ...]
    leaves: tuple[LeafTable, ...]
    partitions: tuple[RelationName, ...]
    inherits_from: tuple[RelationName, ...]
    row_security_forced: bool
    publications: tuple[str, ...]
    writers: tuple[str, ...]

    @property
    def partitioned(self) -> bool:
        return self.kind == "p"
