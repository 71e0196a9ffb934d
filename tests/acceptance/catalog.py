"""What the catalog says of a table, as lines that can be compared before and after."""

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from expandcontract.ledger.migrate import migrations

if TYPE_CHECKING:
    import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any]"

_OF_THE_LEDGER = re.compile(r"FUNCTION \{sync\}\.(\w+)")
_TREE = """
WITH RECURSIVE tree(relation, child) AS (
    SELECT $1::text::regclass::oid, false
    UNION
    SELECT i.inhrelid, true FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation
)
"""
_TABLES = """
SELECT format('table %s: kind %s %s, acl %s, options %s, rls %s %s, identity %s, owner %s, comment %s',
    relation::regclass, relkind,
              relpersistence, relacl, reloptions, relrowsecurity, relforcerowsecurity, relreplident,
                  relowner::regrole,
              obj_description(relation, 'pg_class'))
FROM tree JOIN pg_class ON oid = relation
"""
_COLUMNS = """
SELECT format('column %s.%I: %s, collation %s, not null %s, default %s, identity %s, generated %s,
    storage %s %s, statistics %s %s, acl %s, comment %s',
              relation::regclass, attname, format_type(atttypid, atttypmod), attcollation::regcollation,
                  attnotnull,
              pg_get_expr(adbin, adrelid), attidentity, attgenerated, attstorage, attcompression,
                  nullif(attstattarget, -1), attoptions,
              (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(attacl) a),
                  col_description(relation, attnum))
FROM tree JOIN pg_attribute ON attrelid = relation AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = relation AND adnum = attnum
"""
#: What a partition or child has got from its parent has a name of the server's choice.
_CONSTRAINTS = """
SELECT format('constraint %s on %s: %s, valid %s, comment %s', CASE WHEN NOT child THEN conname END,
    relation::regclass,
              pg_get_constraintdef(c.oid), convalidated, obj_description(c.oid, 'pg_constraint'))
FROM tree JOIN pg_constraint c ON conrelid = relation
"""
_INDEXES = """
SELECT format('index %s on %s: %s, unique %s, primary %s, valid %s, clustered %s, identity %s,
    constraint %s, statistics %s, comment %s',
              CASE WHEN NOT child THEN c.relname END, relation::regclass,
                  regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', ''),
              indisunique, indisprimary, indisvalid, indisclustered, indisreplident,
              CASE WHEN NOT child THEN (SELECT conname FROM pg_constraint WHERE conindid = indexrelid AND
                  conrelid = relation AND contype <> 'f') END,
              (SELECT array_agg(attstattarget ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid
                  AND attstattarget >= 0),
              obj_description(indexrelid, 'pg_class'))
FROM tree JOIN pg_index ON indrelid = relation JOIN pg_class c ON c.oid = indexrelid
"""
_REST = """
SELECT format('trigger on %s: %s, enabled %s', relation::regclass, pg_get_triggerdef(t.oid), tgenabled)
FROM tree JOIN pg_trigger t ON tgrelid = relation WHERE NOT tgisinternal
UNION ALL
SELECT format('sequence %s %s of %s.%I', s.oid::regclass, format_type(seqtypid, NULL), relation::regclass,
    attname)
FROM tree JOIN pg_depend d ON d.refobjid = relation AND d.refclassid = 'pg_class'::regclass AND d.classid =
    'pg_class'::regclass
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_sequence ON seqrelid = s.oid
JOIN pg_attribute ON attrelid = relation AND attnum = d.refobjsubid
UNION ALL
SELECT format('statistics %s on %s: %s %s', stxname, relation::regclass, stxkind,
              (SELECT array_agg(attname ORDER BY attname) FROM pg_attribute WHERE attrelid = relation AND
                  attnum = ANY (stxkeys::int2[])))
FROM tree JOIN pg_statistic_ext s ON stxrelid = relation
UNION ALL
SELECT format('policy %I on %s: %s %s %s', polname, relation::regclass, polcmd, pg_get_expr(polqual,
    polrelid), pg_get_expr(polwithcheck, polrelid))
FROM tree JOIN pg_policy ON polrelid = relation
"""

_EVERYTHING = """
SELECT format('relation %s %s %s', relkind, oid::regclass, relfilenode) FROM pg_class
WHERE oid >= 16384 AND relnamespace::regnamespace::text NOT LIKE 'pg_%' AND relkind <> 'S'
UNION ALL
SELECT format('function %s %s', oid::regprocedure, md5(ROW(prosrc,
    proacl)::text)) FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT format('schema %s %s', nspname, nspacl) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'
UNION ALL
SELECT format('trigger %s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
"""
_TABLES_OF_USERS = """
SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT LIKE 'pg_%' AND nspname NOT IN
    ('information_schema', 'expandcontract')
"""


async def describe(conn: Connection, table: str) -> list[str]:
    """Return everything that a table, its partitions and its children have, but for the order of columns."""
    lines: list[str] = []
    for query in (_TABLES, _COLUMNS, _CONSTRAINTS, _INDEXES, _REST):
        lines += [row[0] for row in await conn.fetch(_TREE + query, table)]
    return sorted(lines)


def difference(before: list[str], after: list[str]) -> list[str]:
    """Return what is gone, with a minus before it, and what is new, with a plus."""
    gone = [f"- {line}" for line in before if line not in after]
    return gone + [f"+ {line}" for line in after if line not in before]


async def everything(conn: Connection) -> list[str]:
    """Return the whole catalog of a database outside of the system's own, with each table described."""
    lines = [row[0] for row in await conn.fetch(_EVERYTHING)]
    for (table,) in await conn.fetch(_TABLES_OF_USERS):
        lines += await describe(conn, table)
    return sorted(set(lines))


async def sync_functions(conn: Connection) -> list[str]:
    """Return the functions of changes that applications' sessions call; the ledger's own are not."""
    query = """
        SELECT proname::text FROM pg_proc WHERE pronamespace = 'expandcontract_sync'::regnamespace
        AND proname <> ALL ($1) ORDER BY 1"""
    own = {name for each in migrations() for name in _OF_THE_LEDGER.findall(each.template)}
    return [row[0] for row in await conn.fetch(query, sorted(own))]
