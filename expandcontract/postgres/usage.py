"""Which columns a statement uses, as the server's own parser says.

The statement becomes the body of a function in a savepoint that is rolled back: PostgreSQL analyses a
standard body (`BEGIN ATOMIC`) when the function is made, and records each column in pg_depend (manual,
"Dependency Tracking"). Nothing is planned or run. EXPLAIN would be shorter, but a planner evaluates functions
declared immutable, which may be anybody's, with our rights.

Who wrote the statement is not trusted, nor is the path under which it means what it meant there:

- a constant that is written as a string is turned into its type by the parser, and that of `'{1}'::domain[]`
  calls the CHECK of the domain. pg_stat_statements writes `$1` for it, but not always (a statement that was
  dropped from the statistics while it ran has its constants). A text that may hold one is not asked about;
- nothing of ours is looked up while the path is another's: there, `=` for (oid, regclass) would be theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model import sql_words
from expandcontract.model.names import quote
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows, value
from expandcontract.postgres.settings import OUR_PATH
from expandcontract.postgres.sqlstate import is_disconnect
from expandcontract.postgres.statements import StatementEntry

_NAME = "~ec_usage"

_COLUMNS = """SELECT coalesce(pg_catalog.to_regclass(u.front)::oid, u.relation), u.place, u.name
    FROM ROWS FROM (
            pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]))
        WITH ORDINALITY u(relation, name, front, place)"""

#: $1 tables, $2 columns, $3 names that stand for tables. A table without a column goes as a whole. Each
#: column in its table and below it; then, in turn, views over what was found. A view that names the column in
#: one of its expressions names it for all who use the view.
_SIDES = f"""
WITH RECURSIVE {tree(_COLUMNS, "place", "name")}, site AS (
    SELECT t.place, a.attrelid, a.attnum
    FROM tree t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname = t.name
    WHERE NOT a.attisdropped
), seen(place, relation, attnum) AS (
    SELECT place, attrelid, attnum FROM site
    UNION
    SELECT place, relation, 0::int2 FROM tree WHERE name = ''
    UNION
    SELECT s.place, r.ev_class, 0::int2
    FROM seen s
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.relation
        AND (s.attnum = 0 OR d.refobjsubid = s.attnum)
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    WHERE r.ev_class <> s.relation
)
SELECT s.place, s.relation::int8, s.attnum, c.relname::text
FROM seen s JOIN pg_catalog.pg_class c ON c.oid = s.relation
ORDER BY 1, 2
"""

#: A constraint is named by ON CONFLICT ON CONSTRAINT. Whole-row references (`SELECT u FROM users u`) have
#: attribute 0 in the analysed body, and no column of their own in pg_depend.
_USED = """
SELECT d.refobjid::int8, d.refobjsubid::int2, NULL::int2[] AS columns, w.whole
FROM pg_catalog.pg_depend d, (SELECT p.oid, p.prosqlbody::text LIKE '%:varattno 0 %' AS whole
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = $1 AND p.proname = $2) w
WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = w.oid
  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION ALL
SELECT k.conrelid::int8, 0::int2, k.conkey, false
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_proc p ON p.oid = d.objid AND p.proname = $2
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = $1
JOIN pg_catalog.pg_constraint k ON k.oid = d.refobjid
WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  AND d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
"""

_SET_PATH = "SELECT pg_catalog.set_config('search_path', $1, true)"

_TYPES = """
SELECT ARRAY(SELECT pg_catalog.format_type(type, NULL)
             FROM pg_catalog.unnest(parameter_types::oid[]) WITH ORDINALITY p(type, place) ORDER BY place)
FROM pg_catalog.pg_prepared_statements WHERE name = $1
"""


class Dependency(NamedTuple):
    """A column of a relation, or (0) the relation; the columns of a constraint; whether a whole row is used
    somewhere in the statement.
    """

    relation: int
    column: int
    columns: list[int] | None
    whole_row: bool


@dataclass(frozen=True)
class NamedSide:
    """The old side wherever it can be named.

    `sites` are the relations that have one of the columns, each with its number there; `views` are those over
    it, by oid. Names are without schema.
    """

    schema: str
    columns: tuple[str, ...]
    sites: frozenset[tuple[int, int]]
    tables: frozenset[str]
    views: Mapping[int, str]

    @property
    def names(self) -> frozenset[str]:
        """What a statement has to name at least."""
        return self.tables | frozenset(self.views.values())

    def is_met_by(self, found: Iterable[Dependency]) -> bool:
        """Whether one of the relations is among what a statement depends on."""
        sites = {relation for relation, _ in self.sites}
        return any(each.relation in sites or each.relation in self.views for each in found)

    def is_used_by(self, found: Dependency) -> bool:
        """Whether it is such a column itself that a statement depends on."""
        columns = {number for relation, number in self.sites if relation == found.relation}
        used = {found.column, *(found.columns or ())}
        return bool(columns) and (found.whole_row or not columns.isdisjoint(used))


@dataclass(frozen=True)
class Usage:
    """Whether a statement uses the old side, and through which view. `by_name`: the server did not say."""

    uses: bool
    by_name: bool = False
    through: str | None = None


class WantedSide(NamedTuple):
    """The schema in which unqualified names of a table are looked up, its oid, and columns, none where the
    table goes as a whole; `front` is the name, as SQL, of a view that stands for it.
    """

    schema: str
    relation: int
    columns: tuple[str, ...]
    front: str | None = None


async def sides(conn: AsyncConnection, wanted: Sequence[WantedSide]) -> list[NamedSide]:
    """Return where each side is found now. One query."""
    each_column = [(place, name) for place, each in enumerate(wanted) for name in each.columns or ("",)]
    found: defaultdict[int, list[tuple[int, int, str]]] = defaultdict(list)
    asked = (
        [wanted[place].relation for place, _ in each_column],
        [name for _, name in each_column],
        [wanted[place].front for place, _ in each_column],
    )
    for at, *each in await rows(conn, _SIDES, *asked):
        place, _ = each_column[at - 1]
        found[place].append((each[0], each[1], each[2]))
    return [_side(each.schema, each.columns, found[place]) for place, each in enumerate(wanted)]


def _side(schema: str, columns: tuple[str, ...], found: Sequence[tuple[int, int, str]]) -> NamedSide:
    """Pure. A number of 0 is that of a view."""
    sites = [each for each in found if each[1]]
    return NamedSide(
        schema=schema,
        columns=columns,
        sites=frozenset((oid, number) for oid, number, _ in sites),
        tables=frozenset(name for _, _, name in sites),
        views={oid: name for oid, number, name in found if not number},
    )


async def analysed(conn: AsyncConnection, schema: str, entry: StatementEntry, old: NamedSide) -> Usage:
    """Ask the server, in the caller's transaction, in which nothing is left behind.

    Where it cannot say - a constant that must be one stands where `$1` stands now, a command that is not a
    query, no right to create a function in `schema` - the words of the text decide.
    """
    words, text = sql_words.tokens(entry.query), sql_words.without_comments(entry.query)
    # MERGE does not record what its actions write.
    if not sql_words.is_query(words) or "merge" in words or sql_words.may_hold_strings(text):
        return by_name(words, old)
    # Where the role looks first; then in the table's schema, which a session may have set as its path.
    paths = (f"{entry.search_path}, {quote(old.schema)}", f"{quote(old.schema)}, {entry.search_path}")
    found: list[Dependency] | None = None
    for path in paths:
        found = await _dependencies(conn, schema, text, path)
        if found is not None and old.is_met_by(found):
            return _judged(found, old)
    return by_name(words, old) if found is None else Usage(uses=False)


def by_name(words: list[str], old: NamedSide) -> Usage:
    """Pure. Judge by the words of a text alone."""
    through = next((name for name in sorted(old.views.values()) if name in words), None)
    named = any(sql_words.names_column(words, old.tables, name) for name in old.columns or ("",))
    uses = through is not None or named
    return Usage(uses and sql_words.may_use_rows(words), by_name=True, through=through)


async def _dependencies(conn: AsyncConnection, schema: str, text: str, path: str) -> list[Dependency] | None:
    """Return what the statement depends on, or None where the server does not take it under this path."""
    savepoint = await conn.begin_nested()
    try:
        return await _recorded(conn, schema, text, path)
    except DBAPIError as error:
        if is_disconnect(error):
            raise
        return None
    finally:
        if savepoint.is_active:
            await savepoint.rollback()


async def _recorded(conn: AsyncConnection, schema: str, text: str, path: str) -> list[Dependency]:
    name = quote(_NAME)
    # PREPARE analyses as well, and says of which types the parameters are.
    await _under(conn, path, f"PREPARE {name} AS {text}")
    types = await value(conn, _TYPES, _NAME)
    await conn.exec_driver_sql(f"DEALLOCATE {name}")
    await _under(
        conn,
        path,
        f"CREATE FUNCTION {quote(schema)}.{name}({', '.join(types)}) RETURNS pg_catalog.void"
        f" LANGUAGE sql BEGIN ATOMIC\n{text}\n; END",
    )
    return [Dependency(*found) for found in await rows(conn, _USED, schema, _NAME)]


async def _under(conn: AsyncConnection, path: str, statement: str) -> None:
    """Run one statement under another's path, and nothing else; where it fails, the caller rolls back."""
    await conn.exec_driver_sql(_SET_PATH, (path,))
    await conn.exec_driver_sql(statement)
    await conn.exec_driver_sql(_SET_PATH, (OUR_PATH,))


def _judged(found: list[Dependency], old: NamedSide) -> Usage:
    """Pure. Say what the dependencies of a statement mean."""
    through = next((old.views[each.relation] for each in found if each.relation in old.views), None)
    return Usage(through is not None or any(old.is_used_by(each) for each in found), through=through)
