"""Views over a column, and views over those, of every level."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class View:
    """A view that reads a column, by itself (`direct`) or through another view.

    `others` are what depends on it and is no view, each as its kind and its name: they know it by its OID.
    """

    name: RelationName
    direct: bool
    others: tuple[str, ...] = ()


#: $1 the table, $2 the column. A rule of a view may use the column where its query does not.
_VIEWS = f"""
WITH RECURSIVE {tree("SELECT $1::text::pg_catalog.regclass::oid")}, reads(view, level) AS (
    SELECT r.ev_class, 1
    FROM tree t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname = $2 AND NOT a.attisdropped
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
        AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    UNION
    SELECT r.ev_class, f.level + 1
    FROM reads f
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid = f.view AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> f.view
    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
), found AS (
    SELECT view, pg_catalog.min(level) = 1 AS direct, pg_catalog.max(level) AS level FROM reads GROUP BY view
)
SELECT n.nspname::text, c.relname::text, f.direct, ARRAY(
    SELECT DISTINCT CASE
        WHEN d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            THEN 'function ' || d.objid::pg_catalog.regprocedure::text
        WHEN d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
            THEN (SELECT 'policy ' || pg_catalog.quote_ident(p.polname) || ' ON '
                      || p.polrelid::pg_catalog.regclass::text
                  FROM pg_catalog.pg_policy p WHERE p.oid = d.objid)
        ELSE 'materialized view ' || m.oid::pg_catalog.regclass::text END
    FROM pg_catalog.pg_depend d
    LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND r.oid = d.objid
    LEFT JOIN pg_catalog.pg_class m ON m.oid = r.ev_class AND m.relkind = 'm'
    WHERE (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
           OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = c.reltype)
      AND (m.oid IS NOT NULL OR d.classid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                              'pg_catalog.pg_policy'::pg_catalog.regclass))
    ORDER BY 1)
FROM found f
JOIN pg_catalog.pg_class c ON c.oid = f.view
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY f.level, 1, 2
"""


async def load(conn: AsyncConnection, table: RelationName, column: str) -> tuple[View, ...]:
    """Return the views over a column of the table, each after those that it reads."""
    return tuple(
        View(RelationName(schema, name), direct, tuple(others))
        for schema, name, direct, others in await rows(conn, _VIEWS, table.sql, column)
    )
