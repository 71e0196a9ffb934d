"""What the catalog and the statistics say now of the tables of changes, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName, quote
from expandcontract.model.situation import Dependent, Leaf, Live
from expandcontract.postgres.catalog import dependent
from expandcontract.postgres.catalog.dependent import ColumnDependent, Wanted
from expandcontract.postgres.catalog.snapshot import server_version
from expandcontract.postgres.old_side import OldSide, Planned, came_later
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Subject:
    """What is looked at for one change.

    `table` is the name that the plan knows, `relation` the table's oid. `old_column` is the present name of
    the old side, whose dependents are listed. `trigger` and `functions` are what keeps the sides in sync;
    without a trigger none is missed. `columns` are those that must be there under their present names.
    `planned` is what the old side had when the plan was made, None where nobody asks any more.
    """

    change_id: int
    table: RelationName
    relation: int
    old_column: str
    trigger: str | None
    functions: tuple[RelationName, ...]
    columns: tuple[str, ...]
    planned: Planned | None = None


@dataclass(frozen=True)
class _LeafState:
    """A relation with storage, and the trigger on it: `enabled` is None where there is none."""

    oid: int
    name: str
    enabled: str | None
    as_made: bool
    later: tuple[str, ...]
    writes: int
    rows: int

    @property
    def intact(self) -> bool:
        return self.enabled == "A" and self.as_made


#: A body would fail, and a trigger (UPDATE OF, WHEN) fall silent, once the column has another name.
_FAILING = frozenset({"function body", "trigger"})

_TABLES = """
SELECT c.oid::int8, n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[])
"""

#: $1 changes, $2 tables, $3 columns.
_MISSING_COLUMNS = """
SELECT u.change, u.name
FROM ROWS FROM (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::text[]))
    u(change, relation, name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = u.relation AND a.attname = u.name AND NOT a.attisdropped)
"""

#: $1 changes, $2 schemas, $3 names.
_MISSING_FUNCTIONS = """
SELECT u.change, u.schema, u.name
FROM ROWS FROM (pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]))
    u(change, schema, name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                  WHERE n.nspname = u.schema AND p.proname = u.name)
"""

#: $1 changes, $2 tables, $3 triggers. 23 = ROW | BEFORE | INSERT | UPDATE in tgtype; 3 = ROW | BEFORE.
#: Triggers fire in the order of their names' bytes, as the type `name` sorts. Those of other changes write
#: other columns.
_LEAVES = """
WITH RECURSIVE tree(change, relation, trigger) AS (
    SELECT u.change, u.relation, u.trigger
    FROM ROWS FROM (
        pg_catalog.unnest($1::int8[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::text[])
    ) u(change, relation, trigger)
    UNION
    SELECT t.change, i.inhrelid, t.trigger
    FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.relation
)
SELECT t.change, c.oid::int8, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       g.tgenabled::text,
       coalesce(g.tgtype & 23 = 23 AND pg_catalog.cardinality(g.tgattr::int2[]) = 0, false),
       ARRAY(SELECT l.tgname::text FROM pg_catalog.pg_trigger l
             WHERE l.tgrelid = c.oid AND l.tgname > t.trigger::name AND l.tgname NOT LIKE '~e_\\_%'
               AND l.tgtype & 3 = 3 AND l.tgtype & 20 <> 0 AND l.tgenabled <> 'D'
             ORDER BY l.tgname),
       pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
           + pg_catalog.pg_stat_get_tuples_deleted(c.oid),
       c.reltuples::int8
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.relation AND c.relkind = 'r'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid AND g.tgname = t.trigger
ORDER BY 1, 3
"""


async def observe(conn: AsyncConnection, subjects: Sequence[Subject]) -> dict[int, Live]:
    """Return what is there now, by change id: eight queries, however many changes there are.

    Of Live, `writes_since_ready`, `new_side_writes`, `is_copy` and each leaf's `swept` are not known here and
    keep their defaults (`swept` False). Statistics are read once per transaction: a later look needs a new
    one.
    """
    version = await server_version(conn)
    tables = {
        oid: RelationName(*name) for oid, *name in await rows(conn, _TABLES, [s.relation for s in subjects])
    }
    columns, functions = await _missing(conn, subjects)
    leaves = await _leaves(conn, subjects)
    wanted = [Wanted(s.change_id, s.relation, s.old_column) for s in subjects]
    dependents = await dependent.load(conn, wanted, version)
    sides = [OldSide(s.change_id, s.relation, s.old_column, s.planned) for s in subjects if s.planned]
    later = await came_later(conn, sides)
    found = {
        subject.change_id: _live(
            subject,
            tables.get(subject.relation),
            leaves[subject.change_id],
            columns[subject.change_id],
            functions[subject.change_id],
            dependents[subject.change_id],
        )
        for subject in subjects
    }
    return {change: replace(live, uncarried=tuple(later[change])) for change, live in found.items()}


async def _missing(
    conn: AsyncConnection, subjects: Sequence[Subject]
) -> tuple[defaultdict[int, list[str]], defaultdict[int, list[str]]]:
    """Return, by change, the columns that are missing, and a sentence for each function that is."""
    columns: defaultdict[int, list[str]] = defaultdict(list)
    wanted = [(s.change_id, s.relation, column) for s in subjects for column in s.columns]
    for change, name in await rows(conn, _MISSING_COLUMNS, *_transposed(wanted)):
        columns[change].append(name)
    functions: defaultdict[int, list[str]] = defaultdict(list)
    named = [(s.change_id, f.schema, f.name) for s in subjects for f in s.functions]
    for change, schema, name in await rows(conn, _MISSING_FUNCTIONS, *_transposed(named)):
        functions[change].append(f"Function {RelationName(schema, name)} is missing.")
    return columns, functions


async def _leaves(conn: AsyncConnection, subjects: Sequence[Subject]) -> defaultdict[int, list[_LeafState]]:
    found: defaultdict[int, list[_LeafState]] = defaultdict(list)
    wanted = [(s.change_id, s.relation, s.trigger) for s in subjects]
    for change, oid, name, enabled, as_made, later, *counted in await rows(
        conn, _LEAVES, *_transposed(wanted)
    ):
        found[change].append(_LeafState(oid, name, enabled, as_made, tuple(later), *counted))
    return found


def _transposed(triples: Iterable[tuple[Any, Any, Any]]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return three lists for three array parameters."""
    listed = list(triples)
    return [a for a, _, _ in listed], [b for _, b, _ in listed], [c for _, _, c in listed]


def _live(
    subject: Subject,
    table: RelationName | None,
    leaves: Sequence[_LeafState],
    missing: Sequence[str],
    functions: Sequence[str],
    dependents: Sequence[ColumnDependent],
) -> Live:
    """Pure. Put together what one change's subject shows."""
    if table is None:
        return Live(table_exists=False, sync_faults=(f"Table {subject.table} is gone.",))
    moved = [f"Table {subject.table} is called {table} now."] if table != subject.table else []
    triggers = [sentence for leaf in leaves for sentence in _trigger_faults(subject, leaf)]
    return Live(
        table_exists=True,
        sync_faults=(*moved, *_column_faults(subject, missing), *functions, *triggers),
        missing_columns=tuple(missing),
        leaves=tuple(
            Leaf(leaf.oid, leaf.name, leaf.intact or subject.trigger is None, swept=False) for leaf in leaves
        ),
        dependents=tuple(
            Dependent(each.kind, each.name, blocks_hide=each.kind in _FAILING)
            for each in dependents
            # Statistics are carried, and go with the column that they are of.
            if each.kind != "statistics" and not _ours(subject, each)
        ),
        rows=sum(leaf.rows for leaf in leaves) if all(leaf.rows >= 0 for leaf in leaves) else None,
        writes=sum(leaf.writes for leaf in leaves),
    )


def _column_faults(subject: Subject, missing: Sequence[str]) -> list[str]:
    """Pure. A renamed column cannot be told from a dropped one: its old name is just not there."""
    expected = " and ".join(map(quote, subject.columns))
    return [
        f"Column {quote(name)} of {subject.table} is missing, dropped or renamed: "
        f"the change needs {expected}."
        for name in missing
    ]


def _trigger_faults(subject: Subject, leaf: _LeafState) -> list[str]:
    """Pure. Say what is wrong with the sync trigger on one relation."""
    if subject.trigger is None:
        return []
    name = quote(subject.trigger)
    faults = [
        f"Trigger {quote(later)} on {leaf.name} fires after {name} and may change what it wrote."
        for later in leaf.later
    ]
    match leaf.enabled:
        case None:
            faults.append(f"Trigger {name} is missing on {leaf.name}.")
        case "D":
            faults.append(f"Trigger {name} is disabled on {leaf.name}.")
        case "A":
            if not leaf.as_made:
                faults.append(f"Trigger {name} on {leaf.name} is not the one that was made.")
        case _:
            faults.append(f"Trigger {name} on {leaf.name} does not fire in every session (ENABLE ALWAYS).")
    return faults


def _ours(subject: Subject, each: ColumnDependent) -> bool:
    """Pure. Whether the dependent is what keeps the sides in sync."""
    if each.kind == "trigger":
        return subject.trigger is not None and each.name.startswith(f"{quote(subject.trigger)} ON ")
    return any(each.name.startswith(f"{function.sql}(") for function in subject.functions)
