"""What only partitions or children by inheritance have on a column: nothing of it is the table's own."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class LeafOnly:
    """A relation below the table, and in words what a column has there alone; the column is empty where it is
    the one that the change is about.
    """

    name: RelationName
    things: tuple[str, ...]
    column: str = ""


#: $1 the table, $2 the column. An index that a constraint stands on is told as that. What is inherited, or
#: attached to something of the parent's, is the parent's.
_LEAF_ONLY = f"""
WITH RECURSIVE {tree()}, top AS (
    SELECT a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1 AND a.attname = $2
), site AS (
    SELECT t.relation, a.*, n.nspname, c.relname
    FROM tree t
    JOIN pg_catalog.pg_class c ON c.oid = t.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname = $2 AND NOT a.attisdropped
    WHERE t.relation <> $1
)
SELECT s.nspname::text, s.relname::text, found.thing
FROM site s
CROSS JOIN LATERAL (
    SELECT 1, pg_catalog.format('constraint %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint k
    WHERE k.conrelid = s.relation AND s.attnum = ANY (k.conkey) AND k.conislocal AND k.coninhcount = 0
      AND k.conparentid = 0
    UNION ALL
    SELECT 2, pg_catalog.format('index %I', x.relname)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = s.relation AND NOT x.relispartition
      AND (s.attnum = ANY (i.indkey::int2[]) OR EXISTS (
            SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
              AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.refobjid = s.relation AND d.refobjsubid = s.attnum))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                      WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 3, 'NOT NULL' FROM top
    WHERE s.attnotnull AND NOT top.attnotnull AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = s.relation AND k.contype = 'n' AND s.attnum = ANY (k.conkey))
    UNION ALL
    SELECT 4, CASE WHEN here.expression IS NULL THEN 'no default' ELSE 'default ' || here.expression END
    FROM top, (SELECT (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
                       WHERE d.adrelid = s.relation AND d.adnum = s.attnum)) here(expression)
    WHERE here.expression IS DISTINCT FROM top.expression
    UNION ALL
    SELECT 5, 'a comment' WHERE pg_catalog.col_description(s.relation, s.attnum) IS NOT NULL
    UNION ALL
    SELECT 6, 'privileges' WHERE s.attacl IS NOT NULL
    UNION ALL
    SELECT 7, 'a statistics target or options' WHERE s.attstattarget >= 0 OR s.attoptions IS NOT NULL
) found(place, thing)
ORDER BY 1, 2, found.place, 3
"""


async def load(conn: AsyncConnection, oid: int, column: str) -> tuple[LeafOnly, ...]:
    """Return the relations below a table that have something of their own on a column, by name."""
    found: defaultdict[RelationName, list[str]] = defaultdict(list)
    for schema, name, thing in await rows(conn, _LEAF_ONLY, oid, column):
        found[RelationName(schema, name)].append(thing)
    return tuple(LeafOnly(name, tuple(things)) for name, things in found.items())
