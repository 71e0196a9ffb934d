"""What matters of a table as a whole, when its name changes or it goes: what depends on it, or names it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model import sql_words
from expandcontract.postgres.catalog import body
from expandcontract.postgres.query import for_each, rows, together


@dataclass(frozen=True)
class TableDependent:
    """Something that depends on a table, or names it in text.

    `kind` is one of: view, materialized view, rule, policy, function (a standard body, or one that takes or
    returns its rows), column (of its row type), default (of another table, on a sequence of this one),
    foreign key (of another table, to one that is hidden), function body (text that names the table); then
    `text` is a digest, and `unlisted` are INSERT and COPY where it writes rows of it without a list of
    columns. `name` is SQL.
    """

    kind: str
    name: str
    text: str = ""
    unlisted: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Whole:
    """A table as a whole. `size_bytes` is what its rows take, as the statistics have it, with all partitions.
    `types` are the names of types in its schema. `partitioned` are tables with partitions that refer to it.
    `column_readers` are roles that may read some of its columns, and not the table, as SQL.
    """

    row_security: bool = False
    size_bytes: int = 0
    dependents: tuple[TableDependent, ...] = ()
    types: frozenset[str] = frozenset()
    partitioned: frozenset[str] = frozenset()
    column_readers: tuple[str, ...] = ()


_DEPENDS = for_each("""
    SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = w.relation
""")
_ON_TYPE = for_each("""
    SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_type y ON y.oid = c.reltype
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                               AND d.refobjid IN (y.oid, y.typarray)
    WHERE c.oid = w.relation
""")
_ON_SEQUENCE = for_each("""
    SELECT e.objid FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_depend e ON e.refclassid = d.classid AND e.refobjid = d.objid
        AND e.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = w.relation
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
""")

#: Over `retired(tag, relation, name)`: tables, or the views that stand for them.
_DEPENDENTS = f"""
SELECT DISTINCT w.tag,
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'rule' END AS kind,
       CASE WHEN c.relkind IN ('v', 'm') THEN c.oid::pg_catalog.regclass::text
            ELSE pg_catalog.quote_ident(r.rulename) || ' ON ' || c.oid::pg_catalog.regclass::text END AS name
FROM retired w CROSS JOIN {_DEPENDS} d
JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
WHERE r.ev_class <> w.relation
UNION ALL
SELECT DISTINCT w.tag, 'policy',
       pg_catalog.quote_ident(p.polname) || ' ON ' || p.polrelid::pg_catalog.regclass::text
FROM retired w CROSS JOIN {_DEPENDS} d
JOIN pg_catalog.pg_policy p ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND p.oid = d.objid
WHERE p.polrelid <> w.relation
UNION ALL
SELECT DISTINCT w.tag, 'function', d.objid::pg_catalog.regprocedure::text
FROM retired w CROSS JOIN {_DEPENDS} d
WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
UNION ALL
SELECT DISTINCT w.tag, 'function', d.objid::pg_catalog.regprocedure::text
FROM retired w CROSS JOIN {_ON_TYPE} d
WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
UNION ALL
SELECT DISTINCT w.tag, 'column',
       c.oid::pg_catalog.regclass::text || '.' || pg_catalog.quote_ident(a.attname)
FROM retired w CROSS JOIN {_ON_TYPE} d
JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE c.oid <> w.relation
UNION ALL
SELECT DISTINCT w.tag, 'default',
       f.adrelid::pg_catalog.regclass::text || '.' || pg_catalog.quote_ident(a.attname)
FROM retired w CROSS JOIN {_ON_SEQUENCE} d
JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid AND f.adrelid <> w.relation
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
UNION ALL
-- Those of before contract are dropped by it.
SELECT DISTINCT w.tag, 'foreign key',
       pg_catalog.quote_ident(k.conname) || ' ON ' || k.conrelid::pg_catalog.regclass::text
FROM retired w
JOIN pg_catalog.pg_constraint k ON k.confrelid = w.relation AND k.contype = 'f' AND k.conrelid <> w.relation
WHERE w.name LIKE '~ec\\_%'
"""

#: What belongs to an extension is not the user's to change, nor are a ledger's own functions.
_BODIES = """
SELECT w.tag, w.name AS table, p.oid::pg_catalog.regprocedure::text AS function, p.prosrc AS source
FROM retired w
JOIN pg_catalog.pg_proc p ON pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(w.name)) > 0
JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
WHERE w.name <> '' AND p.oid >= 16384::oid AND p.prosqlbody IS NULL
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                    AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class v JOIN pg_catalog.pg_namespace s ON s.oid = v.relnamespace
                  JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
                  WHERE v.relname = 'status_v1' AND v.relkind = 'v'
                    AND f.nspname IN (s.nspname, s.nspname || '_sync'))
"""

QUERIES = {"whole": _DEPENDENTS, "naming": _BODIES}

_WANTED = """
retired AS (
    SELECT w.tag, w.relation, c.relname::text AS name
    FROM pg_catalog.json_to_recordset($1::pg_catalog.text::pg_catalog.json) w(tag int8, relation oid)
    JOIN pg_catalog.pg_class c ON c.oid = w.relation
)
"""

_FACTS = """
SELECT c.relrowsecurity,
       (SELECT coalesce(pg_catalog.sum(l.relpages), 0)::int8
        FROM (SELECT c.oid UNION SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t) part
        JOIN pg_catalog.pg_class l ON l.oid = part.oid) * pg_catalog.current_setting('block_size')::int8,
       ARRAY(SELECT y.typname::text FROM pg_catalog.pg_type y
             WHERE y.typnamespace = c.relnamespace AND y.typelem = 0::oid),
       ARRAY(SELECT DISTINCT k.conrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint k
             JOIN pg_catalog.pg_class r ON r.oid = k.conrelid AND r.relkind = 'p'
             WHERE k.confrelid = c.oid AND k.contype = 'f'),
       ARRAY(SELECT DISTINCT CASE x.grantee WHEN 0::oid THEN 'PUBLIC'
                             ELSE x.grantee::pg_catalog.regrole::text END
             FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x
             WHERE a.attrelid = c.oid AND NOT a.attisdropped AND x.privilege_type = 'SELECT'
               AND NOT pg_catalog.has_table_privilege(x.grantee, c.oid, 'SELECT') ORDER BY 1)
FROM pg_catalog.pg_class c WHERE c.oid = $1
"""


def found(seen: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[int, tuple[TableDependent, ...]]:
    """Pure. Return by tag what depends on each table, from the rows of QUERIES, sorted by kind and name."""
    by_tag: defaultdict[int, set[TableDependent]] = defaultdict(set)
    for row in seen["whole"]:
        by_tag[row["tag"]].add(TableDependent(row["kind"], row["name"]))
    for row in seen["naming"]:
        if body.names(body.without_comments(row["source"]), row["table"]):
            digest = hashlib.sha256(row["source"].encode()).hexdigest()[:12]
            unlisted = _unlisted(row["source"], row["table"])
            by_tag[row["tag"]].add(TableDependent("function body", row["function"], digest, unlisted))
    return {tag: tuple(sorted(each, key=lambda d: (d.kind, d.name))) for tag, each in by_tag.items()}


def _unlisted(source: str, table: str) -> frozenset[str]:
    statements = (sql_words.tokens(each) for each in source.split(";"))
    return frozenset(word for each in statements for word in sql_words.without_columns(each, table))


async def load(conn: AsyncConnection, oid: int) -> Whole:
    """Return what matters of the table with that oid, in two queries."""
    ((row_security, size, types, partitioned, readers),) = await rows(conn, _FACTS, oid)
    seen = await together(conn, QUERIES, [{"tag": 0, "relation": oid}], beside=_WANTED)
    return Whole(
        row_security,
        int(size),
        found(seen).get(0, ()),
        frozenset(types),
        frozenset(partitioned),
        tuple(readers),
    )
