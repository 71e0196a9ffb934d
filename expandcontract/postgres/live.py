"""What the catalog and the statistics say now of the tables of changes, in one query."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.live import Dependent, Front, Leaf, Live
from expandcontract.model.names import RelationName, judging_trigger, keeping_triggers, quote
from expandcontract.postgres import old_side, watchers
from expandcontract.postgres.catalog import dependent, whole
from expandcontract.postgres.catalog.dependent import ColumnDependent, WatchedColumn
from expandcontract.postgres.catalog.snapshot import server_version
from expandcontract.postgres.catalog.whole import TableDependent
from expandcontract.postgres.lookup import Lookup
from expandcontract.postgres.old_side import Planned
from expandcontract.postgres.query import for_each

CatalogRow: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class WatchedTable:
    """What is looked at for one change.

    `table` is the name that the plan knows, `relation` the table's oid. `old_columns` are the present names
    of the old side, whose dependents are listed. `trigger` and `functions` are what keeps the sides in sync;
    without a trigger none is missed. `columns` are those that must be there under their present names, with
    the type that format_type() must write for each, None where any will do. `planned` is what the old side
    had when the plan was made, None where nobody asks any more. `front` is the relation, as SQL, by which old
    code names the table where that goes as a whole, or a view stands for it: what depends on that is listed,
    and `old_columns` are some of its. `others` are further tables of the change, each looked at in the same
    way. `first` is the trigger that comes before those of the user, and must be there where one of them looks
    at the sides: `columns` of which the type is known.
    `views`, as SQL, are in nobody's way: contract has them follow, or purge drops them.
    """

    change_id: int
    table: RelationName
    relation: int
    old_columns: tuple[str, ...]
    trigger: str | None
    functions: tuple[RelationName, ...]
    columns: tuple[tuple[str, str | None], ...]
    planned: Planned | None = None
    first: str = ""
    front: str = ""
    others: tuple["WatchedTable", ...] = ()
    views: tuple[str, ...] = ()

    def asked(self, place: int) -> CatalogRow:
        """As a row of `asked`, in its place there."""
        return {
            "change": place,
            "relation": self.relation,
            "front": self.front,
            "olds": list(self.old_columns) or [""],
            "trigger": self.trigger,
            "first": self.first,
            "columns": [{"name": name, "type": type_} for name, type_ in self.columns],
            "functions": [{"schema": each.schema, "name": each.name} for each in self.functions],
            "is_open": self.planned is not None,
        }


@dataclass(frozen=True)
class _LeafState:
    """A relation with storage, and the trigger on it: `enabled` is None where there is none."""

    oid: int
    name: str
    enabled: str | None
    as_made: bool
    later: tuple[str, ...]
    rows: int
    first: str | None

    @property
    def intact(self) -> bool:
        return self.enabled == "A" and self.as_made


#: A body would fail, and a trigger (UPDATE OF, WHEN) fall silent, once the column has another name.
_FAILING = frozenset({"function body", "trigger"})
_VIEWS = frozenset({"view", "materialized view"})

#: $1 is a row for each table, by its place: what is asked of it. With the limit the planner expects ten rows
#: and not a hundred, for which a server with JIT would compile for seconds what runs for a millisecond.
_ASKED = f"""
asked AS (
    SELECT u.*
    FROM pg_catalog.json_to_recordset($1::pg_catalog.text::pg_catalog.json) u(
        change int8, relation oid, front text, olds text[], trigger text, first text, columns json,
        functions json, is_open bool
    )
    LIMIT pg_catalog.json_array_length($1::pg_catalog.text::pg_catalog.json)
), wanted(tag, relation, name) AS (
    SELECT u.change, coalesce(pg_catalog.to_regclass(nullif(u.front, ''))::oid, u.relation), o.name
    FROM asked u CROSS JOIN {old_side.EACH} o
), retired(tag, relation, name) AS (
    SELECT u.change, c.oid, CASE u.olds[1] WHEN '' THEN c.relname::text ELSE '' END
    FROM asked u JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(nullif(u.front, ''))
),
"""

_TABLES = """
SELECT u.change, n.nspname::text AS schema, c.relname::text AS name, f.relkind::text AS front
FROM asked u
JOIN pg_catalog.pg_class c ON c.oid = u.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class f ON f.oid = pg_catalog.to_regclass(nullif(u.front, ''))
"""

_COLUMN = for_each("""
    SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) AS type FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = u.relation AND a.attname = w.name AND NOT a.attisdropped
""")
#: Columns that are not there, and those of another type than the change needs.
_COLUMNS = f"""
SELECT u.change, w.name, a.type, w.type AS needed
FROM asked u
CROSS JOIN pg_catalog.json_to_recordset(u.columns) w(name text, type text)
LEFT JOIN {_COLUMN} a ON true
WHERE a.type IS NULL OR a.type <> w.type
"""

_FUNCTION = for_each("""
    SELECT true AS is_there FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = w.schema AND p.proname = w.name LIMIT 1
""")
_MISSING_FUNCTIONS = f"""
SELECT u.change, w.schema, w.name
FROM asked u
CROSS JOIN pg_catalog.json_to_recordset(u.functions) w(schema text, name text)
LEFT JOIN {_FUNCTION} f ON true
WHERE f.is_there IS NULL
"""

#: 23 = ROW | BEFORE | INSERT | UPDATE in tgtype; 3 = ROW | BEFORE. Triggers fire in the order of their names'
#: bytes, as the type `name` sorts. Those of other changes write other columns.
_LEAVES = """
SELECT u.change, c.oid::int8 AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       g.tgenabled::text AS enabled,
       coalesce(g.tgtype & 23 = 23 AND pg_catalog.cardinality(g.tgattr::int2[]) = 0, false) AS as_made,
       ARRAY(SELECT l.tgname::text FROM pg_catalog.pg_trigger l
             WHERE l.tgrelid = c.oid AND l.tgname > u.trigger::name AND l.tgname NOT LIKE '~e_\\_%'
               AND l.tgtype & 3 = 3 AND l.tgtype & 20 <> 0 AND l.tgenabled <> 'D'
             ORDER BY l.tgname) AS later,
       c.reltuples::int8 AS rows, f.tgenabled::text AS first
FROM asked u
JOIN (SELECT DISTINCT tag, relation FROM tree) t ON t.tag = u.change
JOIN pg_catalog.pg_class c ON c.oid = t.relation AND c.relkind = 'r'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid AND g.tgname = u.trigger
LEFT JOIN pg_catalog.pg_trigger f ON f.tgrelid = c.oid AND f.tgname = u.first
ORDER BY 1, 3
"""

_QUERIES = {
    "tables": _TABLES,
    "columns": _COLUMNS,
    "functions": _MISSING_FUNCTIONS,
    "leaves": _LEAVES,
    "watchers": watchers.NOW,
    "standing": old_side.NOW,
}


@cache
def lookup(version: int, *, fronts: bool) -> Lookup:
    """Return what `observe` asks of a server of that version, server_version_num; with what depends on tables
    as a whole where some of them go as that (`fronts`).
    """
    queries = _QUERIES | dependent.queries(version) | (whole.QUERIES if fronts else {})
    return Lookup("live", queries, beside=f"{_ASKED}{dependent.SITES.rstrip()},{old_side.OWN}")


async def observe(conn: AsyncConnection, schema: str, subjects: Sequence[WatchedTable]) -> dict[int, Live]:
    """Return what is there now, by change id, by one query, however many changes there are. `schema` is that
    of the ledger.

    Of Live, `is_copy`, `lost` and each leaf's `swept` are not known here and keep their defaults (`swept`
    False).
    """
    if not subjects:
        return {}
    tables = [table for subject in subjects for table in (subject, *subject.others)]
    asked = [table.asked(place) for place, table in enumerate(tables)]
    fronts = any(table.front for table in tables)
    seen = await lookup(await server_version(conn), fronts=fronts).ask(conn, schema, asked)
    named = [
        WatchedColumn(place, each.relation, " and ".join(each.old_columns))
        for place, each in enumerate(tables)
    ]
    dependents, of_tables = dependent.found(seen, named), whole.found(seen) if fronts else {}
    by_place = {name: _by_place(rows) for name, rows in seen.items() if name in _QUERIES}
    lives = iter(
        _live(
            table,
            {name: rows.get(place, []) for name, rows in by_place.items()},
            tuple(
                dict.fromkeys(
                    (
                        *_dependents(table, dependents[place]),
                        *(
                            _of_table(table, each)
                            for each in of_tables.get(place, ())
                            if each.kind not in _VIEWS or each.name not in table.views
                        ),
                    )
                )
            ),
        )
        for place, table in enumerate(tables)
    )
    return {
        subject.change_id: _with_others(subject, next(lives), tuple(next(lives) for _ in subject.others))
        for subject in subjects
    }


def _with_others(subject: WatchedTable, first: Live, others: tuple[Live, ...]) -> Live:
    """Pure. Add what is seen of the other tables: of those on which a trigger of ours keeps something in sync
    the faults and the leaves are the change's own.
    """
    kept = [live for table, live in zip(subject.others, others, strict=True) if table.trigger is not None]
    return replace(
        first,
        sync_faults=(*first.sync_faults, *(fault for live in kept for fault in live.sync_faults)),
        leaves=(*first.leaves, *(leaf for live in kept for leaf in live.leaves)),
        others=others,
    )


def _by_place(rows: Iterable[CatalogRow]) -> dict[int, list[CatalogRow]]:
    found: defaultdict[int, list[CatalogRow]] = defaultdict(list)
    for row in rows:
        found[row["change"]].append(row)
    return found


def _live(
    subject: WatchedTable, seen: Mapping[str, list[CatalogRow]], dependents: tuple[Dependent, ...]
) -> Live:
    """Pure. Put together what one change's subject shows."""
    if not seen["tables"]:
        return Live(table_exists=False, sync_faults=(f"Table {subject.table} is gone.",))
    table = RelationName(seen["tables"][0]["schema"], seen["tables"][0]["name"])
    leaves = [_leaf(row) for row in seen["leaves"]]
    missing = [row["name"] for row in seen["columns"] if row["type"] is None]
    gone = _column_faults(subject, missing)
    functions = [
        f"Function {RelationName(row['schema'], row['name'])} is missing." for row in seen["functions"]
    ]
    moved = [f"Table {subject.table} is called {table} now."] if table != subject.table else []
    triggers = [sentence for leaf in leaves for sentence in _trigger_faults(subject, leaf)]
    triggers += _order_faults(subject, leaves, watchers.found(seen["watchers"], subject.columns))
    front = _front(subject, seen["tables"][0]["front"])
    return Live(
        table_exists=True,
        called=table,
        sync_faults=(*moved, *_front_faults(subject, front), *gone, *functions, *triggers),
        front=front,
        missing_columns=tuple(missing),
        column_faults=gone,
        retyped=tuple(_retyped(subject, row) for row in seen["columns"] if row["type"] is not None),
        leaves=tuple(
            Leaf(leaf.oid, leaf.name, leaf.intact or subject.trigger is None, swept=False) for leaf in leaves
        ),
        dependents=dependents,
        uncarried=() if subject.planned is None else old_side.came_later(subject.planned, seen["standing"]),
        went=()
        if subject.planned is None or not set(subject.old_columns).isdisjoint(missing)
        else old_side.went(subject.planned, seen["standing"]),
        rows=sum(leaf.rows for leaf in leaves) if all(leaf.rows >= 0 for leaf in leaves) else None,
    )


def _front(subject: WatchedTable, kind: str | None) -> Front:
    """Pure. Tell what has the name by which old code means a table that went aside."""
    if not subject.front or subject.front == subject.table.sql:
        return Front.UNWANTED
    return Front.MISSING if kind is None else Front.STANDS if kind == "v" else Front.TAKEN


def _front_faults(subject: WatchedTable, front: Front) -> list[str]:
    match front:
        case Front.MISSING:
            return [f"View {subject.front} of {subject.table} is missing: statements under that name fail."]
        case Front.TAKEN:
            return [
                f"{subject.front} is not the view of {subject.table} any more: something else took its name."
            ]
        case _:
            return []


def _dependents(subject: WatchedTable, found: Sequence[ColumnDependent]) -> Iterator[Dependent]:
    for each in found:
        # Statistics are carried, and go with the column that they are of. What is on a view is listed once,
        # whatever column it uses.
        listed = each.kind == "statistics" or (subject.front and each.kind != "function body")
        listed = listed or (each.kind in _VIEWS and each.name in subject.views)
        if not listed and not _ours(subject, each):
            blocks = each.kind in _FAILING
            yield Dependent(each.kind, each.name, blocks, mentions=not each.tied, text=each.definition)


def _of_table(subject: WatchedTable, each: TableDependent) -> Dependent:
    """Pure. A view that stands for a table is dropped by contract, and does not go while something is on it;
    a table that is hidden takes along whatever knows it by more than its name.
    """
    by_name = each.kind == "function body"
    blocks = by_name or subject.front != subject.table.sql
    return Dependent(each.kind, each.name, blocks, mentions=by_name, text=each.text)


def _leaf(row: CatalogRow) -> _LeafState:
    return _LeafState(
        oid=row["oid"],
        name=row["name"],
        enabled=row["enabled"],
        as_made=row["as_made"],
        later=tuple(row["later"]),
        rows=row["rows"],
        first=row["first"],
    )


def _retyped(subject: WatchedTable, row: CatalogRow) -> str:
    return (
        f"Column {quote(row['name'])} of {subject.table} is of type {row['type']} now: "
        f"the change needs {row['needed']}."
    )


def _column_faults(subject: WatchedTable, missing: Sequence[str]) -> tuple[str, ...]:
    """Pure. A renamed column cannot be told from a dropped one: its old name is just not there."""
    expected = " and ".join(quote(name) for name, _ in subject.columns)
    return tuple(
        f"Column {quote(name)} of {subject.table} is missing, dropped or renamed: "
        f"the change needs {expected}."
        for name in missing
    )


def _trigger_faults(subject: WatchedTable, leaf: _LeafState) -> list[str]:
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


def _order_faults(subject: WatchedTable, leaves: Sequence[_LeafState], lookers: Sequence[str]) -> list[str]:
    """Pure. Say where triggers of the user would look at a row before any of ours has made it whole."""
    if not subject.first or not lookers:
        return []
    name = quote(subject.first)
    off = [leaf.name for leaf in leaves if leaf.first not in (None, "A")]
    if off:
        return [f"Trigger {name} on {', '.join(off)} does not fire in every session (ENABLE ALWAYS)."]
    bare = [leaf.name for leaf in leaves if leaf.first is None and leaf.enabled is not None]
    if not bare:
        return []
    who = ", ".join(map(quote, lookers))
    missing = f"{name}, which makes rows of {bare[0]} whole before, is missing"
    return [f"Trigger {who} looks at the pair, and {missing}."]


def _ours(subject: WatchedTable, each: ColumnDependent) -> bool:
    """Pure. Whether the dependent is what keeps the sides in sync."""
    if each.kind == "trigger":
        if subject.trigger is None:
            return False
        trigger = subject.trigger
        ours = (trigger, subject.first, judging_trigger(trigger), *keeping_triggers(trigger))
        return any(each.name.startswith(f"{quote(name)} ON ") for name in ours)
    return any(each.name.startswith(f"{function.sql}(") for function in subject.functions)
