"""An empty copy of a table, under its own name among what is temporary, with what stands on a column.

Statements can be tried on it that nobody else sees and that are rolled back. The table itself is locked
ACCESS SHARE for a moment (LIKE); the tables that its foreign keys refer to are not locked at all: of them
only the columns and the unique index are made, from what the catalog says.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import TEMPORARY, RelationName, derived, quote, split
from expandcontract.postgres.catalog import index as indexes
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.catalog.view import View
from expandcontract.postgres.message import marked
from expandcontract.postgres.query import execute_all, rows

T = TypeVar("T")

#: A thousand partitions are as one: what is tried is tried on these.
MOST_LEAVES = 4

#: $1 the table. Its partitions and children of every level with what attaches them, parents first.
_TREE = """
WITH RECURSIVE tree(oid, parent, depth) AS (
    SELECT $1::text::pg_catalog.regclass::oid, NULL::oid, 0
    UNION
    SELECT i.inhrelid, i.inhparent, t.depth + 1 FROM tree t
    JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
)
SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, c.relkind::text,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid)
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class p ON p.oid = t.parent
LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
ORDER BY t.depth, c.oid
"""

#: $1 schema, $2 table.
_OTHER = """
SELECT c.oid::int8, ARRAY(
    SELECT pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
        || CASE WHEN a.attcollation <> y.typcollation
           THEN (SELECT pg_catalog.format(' COLLATE %I.%I', m.nspname, l.collname)
                 FROM pg_catalog.pg_collation l
                 JOIN pg_catalog.pg_namespace m ON m.oid = l.collnamespace WHERE l.oid = a.attcollation)
           ELSE '' END
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attname = ANY ($3::text[]) ORDER BY a.attnum)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
"""

#: $1 the view. Of a materialized one the options are none of a view.
_VIEW = """
SELECT pg_catalog.pg_get_viewdef(c.oid),
       coalesce(' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', '')
FROM pg_catalog.pg_class c WHERE c.oid = $1::text::pg_catalog.regclass AND c.relkind = 'v'
UNION ALL
SELECT pg_catalog.pg_get_viewdef(c.oid), ''
FROM pg_catalog.pg_class c WHERE c.oid = $1::text::pg_catalog.regclass AND c.relkind = 'm'
"""


#: $1 the table. Its indexes in which nothing is an expression: in somebody else's table that is their code.
_PLAIN = """
SELECT x.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
WHERE i.indrelid = $1::int8::pg_catalog.oid AND i.indexprs IS NULL AND i.indpred IS NULL
"""


@dataclass(frozen=True)
class _Part:
    """A table of the tree with what attaches it to its parent."""

    name: RelationName
    parent: RelationName | None
    kind: str
    bound: str | None
    key: str | None


@dataclass(frozen=True)
class EmptyCopy:
    """How the copy is made, and the snapshot that speaks of it instead of the table."""

    snapshot: Snapshot
    statements: tuple[str, ...]


async def describe(
    conn: AsyncConnection, snapshot: Snapshot, about: Collection[str], *, triggers: bool = True
) -> EmptyCopy:
    """Return how to make the empty copy of the snapshot's table with what stands on columns; without
    `triggers` where the plan leaves those that name it alone, and contract waits until there is none.
    """
    columns = frozenset(about)
    parts = _kept([_part(*row) for row in await rows(conn, _TREE, snapshot.table.sql)])
    keys = [
        each
        for each in snapshot.constraints
        if each.kind == "f" and not each.inbound and not columns.isdisjoint(each.columns)
    ]
    sequences = {
        each: one.name for one in snapshot.columns if one.name in columns for each in one.owned_sequences
    }
    unique = [*((key.other_table, key.other_columns) for key in keys if key.other_table is not None),
              *((each.table, each.columns) for each in snapshot.referred)]  # fmt: skip
    others = dict.fromkeys(other for other, _ in unique)
    views = [each.name for each in snapshot.views]
    names = _renamed_to(
        [part.name for part in parts], views, sequences, others, (each for each in _statistics(snapshot))
    )
    copied = _speaking_of(snapshot, names, frozenset(part.name for part in parts))
    statements = [
        *(_create(part, snapshot.table, names) for part in parts),
        *[s for other in others if other not in {part.name for part in parts}
          for s in await _other(conn, other, [each for table, each in unique if table == other], names)],
        *(f"CREATE TEMPORARY SEQUENCE {names[each].sql} OWNED BY {copied.table.sql}.{quote(column)}"
          for each, column in sequences.items()),
        *_standing_on(copied, columns, _to_itself(snapshot, keys), triggers=triggers),
        *[await _view(conn, view, names, {part.name for part in parts} | set(views)) for view in views],
    ]  # fmt: skip
    return EmptyCopy(copied, tuple(statements))


async def run(conn: AsyncConnection, statements: Iterable[str]) -> None:
    """Run statements in one message, inside the caller's transaction. Raises DBAPIError."""
    message = [marked(statement) for statement in statements]
    if message:
        await execute_all(conn, message)


def _part(schema: str, name: str, parent_schema: str | None, parent: str | None, *rest: Any) -> _Part:  # noqa: ANN401
    above = None if parent is None or parent_schema is None else RelationName(parent_schema, parent)
    return _Part(RelationName(schema, name), above, *rest)


def _kept(parts: Sequence[_Part]) -> list[_Part]:
    """Return the root, some leaves, and what is between them. A child of two parents is one of the first."""
    by_name = {part.name: part for part in reversed(parts)}
    leaves = [part for part in parts[1:] if part.kind == "r"][:MOST_LEAVES]
    wanted = {parts[0].name}
    for leaf in leaves:
        above: _Part | None = leaf
        while above is not None and above.name not in wanted:
            wanted.add(above.name)
            above = by_name.get(above.parent) if above.parent is not None else None
    return [part for part in dict.fromkeys(by_name[part.name] for part in parts) if part.name in wanted]


def _renamed_to(*named: Iterable[RelationName]) -> dict[RelationName, RelationName]:
    """Return where each of them is in the temporary schema: under its own name, unless two have the same."""
    found: dict[RelationName, RelationName] = {}
    for name in (each for group in named for each in group):
        if name not in found:
            number, free = 1, name.name
            while any(taken.name == free for taken in found.values()):
                number += 1
                free = derived(f"{name.name}_x", "x", str(number))
            found[name] = RelationName(TEMPORARY, free)
    return found


def _create(part: _Part, table: RelationName, names: Mapping[RelationName, RelationName]) -> str:
    create = f"CREATE TEMPORARY TABLE {names[part.name].sql}"
    by = f" PARTITION BY {part.key}" if part.key else ""
    if part.parent is None:
        return f"{create} (LIKE {table.sql}){by}"
    if part.bound is not None:
        return f"{create} PARTITION OF {names[part.parent].sql} {part.bound}{by}"
    return f"{create} () INHERITS ({names[part.parent].sql})"


async def _other(
    conn: AsyncConnection,
    other: RelationName,
    wanted: Sequence[Sequence[str]],
    names: Mapping[RelationName, RelationName],
) -> list[str]:
    """Return the statements for a table that foreign keys refer to: the `wanted` sets of columns, and a
    unique index on each of them.
    """
    listed = list({name for columns in wanted for name in columns})
    ((oid, columns),) = await rows(conn, _OTHER, other.schema, other.name, listed)
    plain = {name for (name,) in await rows(conn, _PLAIN, oid)}
    known = (each for each in await indexes.load(conn, oid) if each.name in plain)
    unique = [each for each in known if each.unique or each.exclusion or each.primary]
    statements = [f"CREATE TEMPORARY TABLE {names[other].sql} ({', '.join(columns)})"]
    for keyed in {frozenset(each) for each in wanted}:
        found = next((each for each in unique if frozenset(each.key_columns) == keyed), None)
        if found is None:
            continue  # the trial will say what PostgreSQL says of it
        if found.constraint_definition is not None:
            statements.append(f"ALTER TABLE {names[other].sql} ADD {found.constraint_definition}")
        else:
            statements.append(f"CREATE UNIQUE INDEX ON {names[other].sql} USING {found.definition}")
    return statements


async def _view(
    conn: AsyncConnection,
    view: RelationName,
    names: Mapping[RelationName, RelationName],
    copied: AbstractSet[RelationName],
) -> str:
    """Return the statement for a view over the copy: what else it reads is read where it is."""
    ((text, options),) = await rows(conn, _VIEW, view.sql)
    for name in copied:
        apart = rf"""E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(?<![\w$".]){re.escape(name.sql)}(?![\w$"])"""
        of_the_copy = names[name].sql

        def put(match: re.Match[str], said: str = name.sql, there: str = of_the_copy) -> str:
            return there if match[0] == said else match[0]

        text = re.sub(apart, put, text)
    return f"CREATE TEMPORARY VIEW {names[view].sql}{options} AS {text.rstrip(';')}"


def _to_itself(snapshot: Snapshot, keys: Iterable[Constraint]) -> frozenset[frozenset[str]]:
    """Return the sets of columns that must be unique, as keys of the table refer to the table itself."""
    return frozenset(frozenset(key.other_columns) for key in keys if key.other_table == snapshot.table)


def _standing_on(
    copied: Snapshot, columns: AbstractSet[str], referred: AbstractSet[frozenset[str]], *, triggers: bool
) -> Iterator[str]:
    """Return what stands on the columns, under the names that the plan knows, and what makes those that are
    `referred` to unique.
    """
    table = copied.table.sql
    for index in copied.indexes:
        needed = index.unique and frozenset(index.key_columns) in referred
        # What a build that failed left is in nobody's way: its name is free once it is dropped.
        if index.valid and (needed or not columns.isdisjoint(index.columns)):
            yield from _index(index, copied)
    for constraint in copied.constraints:
        if not columns.isdisjoint(constraint.columns) and not constraint.inbound:
            yield f"ALTER TABLE {table} ADD CONSTRAINT {quote(constraint.name)} {constraint.definition}"
    for trigger in copied.triggers:
        if triggers and not columns.isdisjoint(trigger.uses) and trigger.definition:
            yield f" ON {(trigger.child or copied.table).sql} ".join(trigger.definition)
    for each in _carried_statistics(copied.dependents):
        named = ", ".join(map(quote, each.columns))
        kinds = each.definition.partition(";")[0]
        yield f"CREATE STATISTICS {each.name}{kinds} ON {named} FROM {table}"


def _index(index: Index, copied: Snapshot) -> Iterator[str]:
    table, name = copied.table.sql, quote(index.name)
    if index.constraint is not None and (index.exclusion or copied.relation.partitioned):
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {index.constraint_definition}"
        return
    yield f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {name} ON {table} USING {index.definition}"
    if index.constraint is not None:
        kind = "PRIMARY KEY" if index.primary else "UNIQUE"
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}{index.timing}"


def _statistics(snapshot: Snapshot) -> Iterator[RelationName]:
    return (RelationName(*split(each.name)) for each in _carried_statistics(snapshot.dependents))


def _carried_statistics(dependents: Iterable[ColumnDependent]) -> list[ColumnDependent]:
    return [each for each in dependents if each.kind == "statistics" and each.columns]


def _speaking_of(
    snapshot: Snapshot, names: Mapping[RelationName, RelationName], kept: frozenset[RelationName]
) -> Snapshot:
    """Return the snapshot as if the copy were the table: of the leaves it has those that were kept."""
    relation = replace(
        snapshot.relation,
        leaves=tuple(leaf for leaf in snapshot.relation.leaves if leaf.name in kept),
        partitions=tuple(each for each in snapshot.relation.partitions if each in kept),
    )
    # Nothing refers to the copy: statements about what refers to the table would be about that itself.
    own = (each for each in snapshot.constraints if not each.inbound or each.table == snapshot.table)
    constraints = tuple(_referring(each, names) for each in own)
    dependents = tuple(_renamed_statistics(each, names) for each in snapshot.dependents)
    triggers = tuple(each for each in snapshot.triggers if each.child is None or each.child in kept)
    # What is temporary is never materialized: there it is a view.
    views = tuple(View(each.name, each.direct, reads=each.reads) for each in snapshot.views)
    spoken = replace(snapshot, relation=relation, constraints=constraints, triggers=triggers, views=views)
    return _renamed(replace(spoken, dependents=dependents), names)


def _referring(key: Constraint, names: Mapping[RelationName, RelationName]) -> Constraint:
    if key.other_table not in names or key.other_table is None:
        return key
    before, after = (f" REFERENCES {name.sql}(" for name in (key.other_table, names[key.other_table]))
    return replace(key, definition=key.definition.replace(before, after, 1))


def _renamed_statistics(each: ColumnDependent, names: Mapping[RelationName, RelationName]) -> ColumnDependent:
    if each.kind != "statistics" or not each.columns:
        return each
    return replace(each, name=names[RelationName(*split(each.name))].sql)


def _renamed(value: T, names: Mapping[RelationName, RelationName]) -> T:
    """Return data with other names of relations in it, however deep they lie."""
    renamed: Any = value
    if isinstance(value, RelationName):
        renamed = names.get(value, value)
    elif isinstance(value, tuple):
        renamed = tuple(_renamed(each, names) for each in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _renamed(getattr(value, each.name), names) for each in fields(value)}
        renamed = replace(value, **changed)
    return renamed  # type: ignore[no-any-return]
