"""Everything of the catalog that a plan is compiled from, as one value that can be written to a file and read
back.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import NoSuchObject
from expandcontract.model.names import RelationName, Target, quote
from expandcontract.postgres.catalog import (
    column,
    constraint,
    dependent,
    index,
    leaf_only,
    relation,
    row_function,
    trigger,
    whole,
)
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.dependent import ColumnDependent, WatchedColumn
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.leaf_only import LeafOnly
from expandcontract.postgres.catalog.relation import Relation
from expandcontract.postgres.catalog.row_function import RowFunctions
from expandcontract.postgres.catalog.trigger import Trigger
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.catalog.whole import Whole
from expandcontract.postgres.message import driver
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Referred:
    """A table, with columns that are unique together, to which a change makes the snapshot's table refer."""

    table: RelationName
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """The table of a change as the catalog describes it now.

    `dependents` are those of the columns that the change is about. `server_version` is server_version_num.
    `taken_names` are the names of relations in the table's schema and of constraints on the table, which new
    indexes and constraints must avoid. `leaf_only` is what only relations below the table have on such a
    column.
    `row_functions` are those that know how many columns the table has, `row_versions` who reads its xmin.
    `views` are those over the columns, or the table, of every level, for a change that does something about
    them.
    """

    server_version: int
    relation: Relation
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    constraints: tuple[Constraint, ...]
    triggers: tuple[Trigger, ...]
    dependents: tuple[ColumnDependent, ...]
    taken_names: frozenset[str]
    leaf_only: tuple[LeafOnly, ...] = ()
    row_functions: RowFunctions = field(default_factory=RowFunctions)
    row_versions: tuple[ColumnDependent, ...] = ()
    whole: Whole = field(default_factory=Whole)
    referred: tuple[Referred, ...] = ()
    views: tuple[View, ...] = ()

    @property
    def table(self) -> RelationName:
        """The table's name."""
        return self.relation.name

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def triggered(self) -> tuple[RelationName, ...]:
        """Where a trigger of ours goes. A partitioned table hands it to its partitions; children by
        inheritance each get their own.
        """
        relation = self.relation
        if relation.partitioned:
            return (self.table,)
        return tuple(dict.fromkeys((self.table, *(leaf.name for leaf in relation.leaves))))

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key in key order; empty without one."""
        return next((index.key_columns or index.columns for index in self.indexes if index.primary), ())


#: What some take for the version of a row: each write of it makes another.
_ROW_VERSION = "xmin"
_TAKEN = """
SELECT c.relname::text
FROM pg_catalog.pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = $1)
UNION
SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1
"""


async def server_version(conn: AsyncConnection) -> int:
    """Return server_version_num, as the server said it when the connection was made."""
    found = (await driver(conn)).get_server_version()
    return found.major * 10_000 + found.micro


async def load(conn: AsyncConnection, target: Target, also: Sequence[str] = ()) -> Snapshot:
    """Return what the catalog says of the target's table and column, in a constant number of queries. Where
    the target is a table alone, no column is looked at more closely than the others; `also` are further
    columns that the change is about.

    Needs no right on the table, only TEMPORARY on the database when the column has a default. A view, a
    system table or a partition is described as well: whether a change may touch it is not decided here.
    `conn` must be in a transaction of `Database.transaction`.

    Raises:
        NoSuchObject: there is no such table or column; the message has the nearest names.
    """
    version = await server_version(conn)
    oid = await relation.find(conn, target)
    table = await relation.load(conn, oid, version)
    about = [target.column, *also] if target.column else []
    columns = await column.load(conn, oid, version, about)
    for name in about:
        must_have(table.name, columns, name)
    watched = [WatchedColumn(0, oid, target.column), WatchedColumn(1, oid, _ROW_VERSION)]
    watched += [WatchedColumn(tag, oid, name) for tag, name in enumerate(also, 2)]
    dependents = await dependent.load(conn, watched, version)
    return Snapshot(
        server_version=version,
        relation=table,
        columns=columns,
        indexes=await index.load(conn, oid),
        constraints=await constraint.load(conn, oid, version),
        triggers=await trigger.load(conn, oid),
        dependents=tuple(each for tag in (0, *range(2, len(watched))) for each in dependents[tag]),
        taken_names=frozenset(name for (name,) in await rows(conn, _TAKEN, oid)),
        leaf_only=await _leaf_only(conn, oid, about),
        row_functions=await row_function.load(conn, oid),
        row_versions=dependents[1],
        whole=await whole.load(conn, oid),
    )


async def _leaf_only(conn: AsyncConnection, oid: int, about: Sequence[str]) -> tuple[LeafOnly, ...]:
    first = await leaf_only.load(conn, oid, about[0]) if about else ()
    others = [(name, await leaf_only.load(conn, oid, name)) for name in about[1:]]
    return (*first, *(replace(each, column=name) for name, found in others for each in found))


def must_have(table: RelationName, columns: tuple[Column, ...], name: str) -> None:
    """Raise NoSuchObject unless the column is there. Capitals are the usual reason, then typing errors."""
    known = [column.name for column in columns]
    if name in known:
        return
    folded = [other for other in known if other.lower() == name.lower()]
    near = folded or difflib.get_close_matches(name, known, n=3)
    hint = (
        f"Did you mean {' or '.join(map(quote, near))}?"
        if near
        else f"It has {', '.join(map(quote, known))}."
    )
    raise NoSuchObject(f"Table {table} has no column {quote(name)}.", why=hint)
