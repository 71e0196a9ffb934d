"""Which columns a change can be carried through on, and why not the others. Pure."""

from collections.abc import Iterator

from expandcontract.changes import table_shape
from expandcontract.changes.table_shape import Need
from expandcontract.model.errors import NameTaken, UnsupportedShape
from expandcontract.model.names import check, qualify_constant, quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot, must_have


def examine(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when the table or the column has a shape for which there is no safe recipe."""
    table_shape.examine(snapshot, tuple(Need))
    for sentence, remedy in _column(snapshot, column):
        raise UnsupportedShape(sentence, why=remedy)


def column(snapshot: Snapshot, name: str) -> Column:
    """Return the column that the change is about. Raises NoSuchObject."""
    must_have(snapshot.table, snapshot.columns, name)
    return next(each for each in snapshot.columns if each.name == name)


def examine_dropped(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when something keeps the column from being hidden and dropped."""
    name, table = quote(column.name), snapshot.table
    table_shape.examine(snapshot)
    if column.name in snapshot.relation.partition_keys:
        raise UnsupportedShape(
            f"{name} is a partition key of {table}.", why="Rows lie where its value put them."
        )
    for index in snapshot.indexes:
        if column.name in index.columns and (index.primary or index.replica_identity):
            what = "primary key" if index.primary else "replica identity"
            raise UnsupportedShape(
                f"{name} is part of the {what} of {table}.", why="Rows are named by it; choose another first."
            )
    for constraint in snapshot.constraints:
        if constraint.inbound and column.name in constraint.other_columns:
            raise UnsupportedShape(
                f"{constraint.table} refers to {name} by foreign key {quote(constraint.name)}.",
                why=f"Drop it first: ec start drop-constraint {constraint.table} {quote(constraint.name)}",
            )


def examine_added(snapshot: Snapshot, name: str) -> None:
    """Raise BadName or NameTaken when the table cannot have a column more of that name."""
    if snapshot.column(name) is not None:
        raise NameTaken(f"{snapshot.table} has a column {quote(name)} already.", why="Choose another name.")
    examine_name(snapshot, name)


def is_constant(default: str) -> bool:
    """Return whether a default, as the server writes it, is a constant."""
    return qualify_constant(default) is not None


def examine_merged(snapshot: Snapshot, column: Column) -> None:
    """Raise UnsupportedShape when the column cannot be one of several of which a new one is made."""
    if column.default is not None and qualify_constant(column.default) is None:
        raise UnsupportedShape(
            f"The default of {quote(column.name)} is {column.default}, which is no constant.",
            why="Whether a row was given a value, or got its default, tells who wrote it; of such a default "
            "nobody can tell.",
            next=f"ec start set-default {snapshot.table}.{quote(column.name)} NULL",
        )


def examine_name(snapshot: Snapshot, name: str, *, ours: bool = False) -> None:
    """Raise BadName or NameTaken when a new column cannot have that name."""
    check(name)
    if snapshot.column(name) is not None:
        raise NameTaken(
            f"{snapshot.table} has a column {quote(name)} already.",
            why="The new side needs a name of its own.",
        )
    if not ours:
        examine_not_ours(name)
    if name in _SYSTEM_COLUMNS:
        raise NameTaken(
            f"{quote(name)} is the name of a system column of every table.", why="Choose another name."
        )


def examine_not_ours(name: str) -> None:
    """Raise NameTaken for a name that what is hidden may have, or what stands for a time."""
    if name.startswith("~ec_"):
        raise NameTaken(
            f"{quote(name)} begins like what ec makes for itself.",
            why="Names that begin with ~ec_ are what is hidden, and goes with purge.",
        )


_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def _column(snapshot: Snapshot, column: Column) -> Iterator[tuple[str, str]]:
    name, table = quote(column.name), snapshot.table
    relation = snapshot.relation
    if column.name in relation.partition_keys:
        yield f"{name} is a partition key of {table}.", "Rows would have to move between partitions."
    if column.generated:
        yield f"{name} is a generated column.", "Its values cannot be written; change its expression instead."
    if column.identity:
        yield f"{name} is an identity column.", "There is no recipe yet that hands its sequence over."
    yield from _indexes(snapshot, column)
    for constraint in snapshot.constraints:
        if (
            constraint.kind == "f"
            and ", PERIOD " in constraint.definition
            and column.name in constraint.of_table
        ):
            yield (
                f"{name} is part of the temporal foreign key {quote(constraint.name)}.",
                "PostgreSQL cannot add one without a scan under a lock that stops all writes.",
            )
        if constraint.inbound and column.name in constraint.of_table:
            yield (
                f"{constraint.table} refers to {name} by foreign key {quote(constraint.name)}.",
                "There is no recipe yet that moves a reference to the new column.",
            )


def _indexes(snapshot: Snapshot, column: Column) -> Iterator[tuple[str, str]]:
    name, table = quote(column.name), snapshot.table
    for index in snapshot.indexes:
        if column.name not in index.columns:
            continue
        if index.primary:
            yield (
                f"{name} is part of the primary key of {table}.",
                "There is no recipe yet that exchanges a primary key and what refers to it.",
            )
        if index.exclusion:
            yield (
                f"{name} is part of the exclusion constraint {quote(index.name)}.",
                "PostgreSQL cannot build one without a lock that stops all writes.",
            )
        if index.replica_identity:
            yield (
                f"{quote(index.name)} is the replica identity of {table}.",
                "Choose another one first: ALTER TABLE ... REPLICA IDENTITY.",
            )
        if index.unique and snapshot.relation.partitioned:
            yield (
                f"{name} is part of the unique index {quote(index.name)} of a partitioned table.",
                "There is no recipe yet that builds its twin without stopping writes.",
            )
