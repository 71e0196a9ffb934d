"""What else in the database depends on a column, or names it in text."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.catalog import body
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import for_each, together


@dataclass(frozen=True)
class ColumnDependent:
    """Something that depends on `column`.

    `kind` is one of: view, materialized view, rule, policy, generated column, trigger, publication,
    statistics, function (a standard body, by pg_depend), function body (text that names the column). `name`
    is SQL. `definition` is what would make it anew, where the kind needs it: for statistics the list of their
    kinds with a blank before it, and after a semicolon their target where they have one; for a publication
    its column list as SQL. `columns` are those of the column list, or of statistics without expressions.
    `tied` is whether a function's body is about the table for certain: it is a trigger's on it, or takes or
    returns its rows. Of a body `definition` is a digest.
    """

    kind: str
    name: str
    column: str
    definition: str = ""
    columns: tuple[str, ...] = ()
    tied: bool = True


@dataclass(frozen=True)
class WatchedColumn:
    """A column whose dependents are asked for; `tag` says in the answer whose they are."""

    tag: int
    relation: int
    column: str

    def asked(self) -> dict[str, object]:
        """As a row of `wanted`."""
        return {"tag": self.tag, "relation": self.relation, "name": self.column}


#: A trigger function of ours, whichever change's: it goes on whatever the column is called, or is altered
#: with it.
_OURS = re.compile(r'\."[~!]e[crs]_')

_COLUMN = for_each("""
        SELECT a.attnum FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.relation AND a.attname = t.name AND NOT a.attisdropped
""")
_DEPENDS = for_each("""
        SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refobjid = s.relation AND d.refobjsubid = s.attnum
""")
#: Over `wanted`, the fields of Wanted. Also what depends on the column of a partition or child: it is dropped
#: with its parent's.
SITES = f"""
{tree("SELECT w.relation, w.tag, w.name FROM wanted w", "tag", "name")}, site AS (
    SELECT t.tag, t.relation, a.attnum
    FROM tree t
    CROSS JOIN {_COLUMN} a
), used AS (
    SELECT s.tag, s.relation, s.attnum, d.classid, d.objid, d.objsubid
    FROM site s
    CROSS JOIN {_DEPENDS} d
)
"""

#: The names are complete, since search_path is empty.
_ON = "|| ' ON ' || {0}::regclass::text"
_RULES = f"""
SELECT u.tag, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'rule' END AS kind,
       CASE WHEN c.relkind IN ('v', 'm') THEN c.oid::regclass::text
            ELSE pg_catalog.quote_ident(r.rulename) {_ON.format("c.oid")} END AS name,
       '' AS definition, '{{}}'::text[] AS listed
FROM used u
JOIN pg_catalog.pg_rewrite r ON u.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = u.objid
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
"""
_POLICIES = f"""
SELECT u.tag, 'policy', pg_catalog.quote_ident(p.polname) {_ON.format("p.polrelid")}, '', '{{}}'::text[]
FROM used u
JOIN pg_catalog.pg_policy p ON u.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = u.objid
"""
#: Until 14 the column itself depends on the other, since 15 its entry in pg_attrdef.
_GENERATED = """
SELECT u.tag, 'generated column', u.relation::regclass::text || '.' || pg_catalog.quote_ident(a.attname),
       '', '{}'::text[]
FROM used u
LEFT JOIN pg_catalog.pg_attrdef d ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND d.oid = u.objid
JOIN pg_catalog.pg_attribute a ON a.attgenerated <> '' AND a.attrelid = u.relation AND a.attnum <> u.attnum
    AND (a.attrelid = d.adrelid AND a.attnum = d.adnum
      OR u.classid = 'pg_catalog.pg_class'::regclass
         AND u.objid = a.attrelid AND u.objsubid = a.attnum)
"""
_TRIGGERS = f"""
SELECT u.tag, 'trigger', pg_catalog.quote_ident(t.tgname) {_ON.format("t.tgrelid")}, '', '{{}}'::text[]
FROM used u
JOIN pg_catalog.pg_trigger t ON u.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = u.objid
WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL
-- Whoever hands the column's name to its function: tgargs are texts that each end in a zero byte.
SELECT s.tag, 'trigger', pg_catalog.quote_ident(t.tgname) {_ON.format("t.tgrelid")}, '', '{{}}'::text[]
FROM site s
JOIN pg_catalog.pg_attribute a ON a.attrelid = s.relation AND a.attnum = s.attnum
JOIN pg_catalog.pg_trigger t ON t.tgrelid = s.relation AND NOT t.tgisinternal AND t.tgparentid = 0
CROSS JOIN pg_catalog.convert_to(a.attname::text, pg_catalog.getdatabaseencoding()) called
WHERE position('\\x00'::bytea || called || '\\x00'::bytea IN '\\x00'::bytea || t.tgargs) > 0
"""
_STATISTICS = """
SELECT u.tag, 'statistics', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.stxname),
       ' (' || (SELECT pg_catalog.string_agg(
                    CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END, ', ')
                FROM pg_catalog.unnest(s.stxkind) k WHERE k IN ('d', 'f', 'm')) || ')'
           || CASE WHEN s.stxstattarget >= 0 THEN ';' || s.stxstattarget ELSE '' END,
       CASE WHEN s.stxexprs IS NULL THEN
           ARRAY(SELECT a.attname::text
                 FROM pg_catalog.unnest(s.stxkeys::int2[]) WITH ORDINALITY k(number, at)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = k.number
                 ORDER BY k.at)
       ELSE '{}'::text[] END
FROM used u
JOIN pg_catalog.pg_statistic_ext s
    ON u.classid = 'pg_catalog.pg_statistic_ext'::regclass AND s.oid = u.objid
JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
"""
_FUNCTIONS = """
SELECT u.tag, 'function', u.objid::regprocedure::text, '', '{}'::text[]
FROM used u
WHERE u.classid = 'pg_catalog.pg_proc'::regclass
"""
#: Column lists and row filters.
_PUBLICATIONS = """
SELECT u.tag, 'publication', pg_catalog.quote_ident(p.pubname),
       coalesce('(' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '
                                                     ORDER BY a.attnum)
                        FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])) || ')', ''),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[]) ORDER BY a.attnum)
FROM used u
JOIN pg_catalog.pg_publication_rel r
    ON u.classid = 'pg_catalog.pg_publication_rel'::regclass AND r.oid = u.objid
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
"""
_COLUMN_LISTS_SINCE = 150000
_BY_DEPENDENCY = (_RULES, _POLICIES, _GENERATED, _TRIGGERS, _STATISTICS, _FUNCTIONS)

#: Bodies kept as text that contain the column's name at all, with whether they are tied to the table: by a
#: trigger on it, or by an argument or result of its row type. What belongs to an extension is not the user's
#: to change, nor are a ledger's own functions, which speak of columns and tables in general. The sync trigger
#: of another change counts: it names the columns of the key, and would fail once one of them is renamed. Not
#: so what is left of a function that was renamed, which no trigger calls any more.
_BODIES = """
SELECT t.tag, t.name AS column, p.oid::regprocedure::text AS function, p.prosrc AS source,
       pg_catalog.array_agg(DISTINCT c.relname::text) AS tables,
       pg_catalog.bool_or(c.reltype = ANY (p.proargtypes::oid[]) OR c.reltype = p.prorettype
           OR EXISTS (SELECT FROM pg_catalog.pg_trigger g
                      WHERE g.tgrelid = c.oid AND g.tgfoid = p.oid AND NOT g.tgisinternal)) AS tied
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.relation
JOIN (SELECT p.* FROM pg_catalog.pg_proc p
      WHERE p.oid >= 16384::oid AND p.prosqlbody IS NULL AND p.pronamespace <> ALL (ARRAY(
          SELECT v.relnamespace FROM pg_catalog.pg_class v WHERE v.relname = 'status_v1' AND v.relkind = 'v'))
      OFFSET 0) p ON pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(t.name)) > 0
JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class v JOIN pg_catalog.pg_namespace s ON s.oid = v.relnamespace
                  JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
                  WHERE v.relname = 'status_v1' AND v.relkind = 'v'
                    AND f.nspname = s.nspname || '_sync' AND (p.proname = 'keep_new'
                        OR NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgfoid = p.oid)))
GROUP BY t.tag, t.name, p.oid, p.prosrc
"""


#: The rows of `wanted` from $1, for who asks for nothing else.
_WANTED = """
wanted AS (
    SELECT w.tag, w.relation, w.name
    FROM pg_catalog.json_to_recordset($1::pg_catalog.text::pg_catalog.json)
        w(tag int8, relation oid, name text)
),
"""


def queries(version: int) -> dict[str, str]:
    """Return the queries over SITES whose rows `found` reads; `version` is server_version_num."""
    parts = (*_BY_DEPENDENCY, _PUBLICATIONS) if version >= _COLUMN_LISTS_SINCE else _BY_DEPENDENCY
    return {"dependents": " UNION ALL ".join(parts), "bodies": _BODIES}


def found(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], wanted: Sequence[WatchedColumn]
) -> dict[int, tuple[ColumnDependent, ...]]:
    """Pure. Return the dependents by tag, sorted by kind and name."""
    columns = {w.tag: w.column for w in wanted}
    by_tag: defaultdict[int, set[ColumnDependent]] = defaultdict(set)
    for row in rows["dependents"]:
        listed, tag = tuple(row["listed"]), row["tag"]
        by_tag[tag].add(
            ColumnDependent(row["kind"], row["name"], columns[tag], row["definition"] or "", listed)
        )
    for row in rows["bodies"]:
        if _OURS.search(row["function"]):
            continue
        text = body.without_comments(row["source"])
        if body.names(text, row["column"]) and (
            row["tied"] or any(body.names(text, table) for table in row["tables"])
        ):
            digest = hashlib.sha256(row["source"].encode()).hexdigest()[:12]
            by_tag[row["tag"]].add(
                ColumnDependent("function body", row["function"], row["column"], digest, tied=row["tied"])
            )
    return {w.tag: tuple(sorted(by_tag[w.tag], key=lambda d: (d.kind, d.name))) for w in wanted}


async def load(
    conn: AsyncConnection, wanted: Sequence[WatchedColumn], version: int
) -> dict[int, tuple[ColumnDependent, ...]]:
    """Return the dependents of all columns asked for, in one query, by tag, sorted by kind and name."""
    asked = [each.asked() for each in wanted]
    return found(await together(conn, queries(version), asked, beside=_WANTED + SITES), wanted)
