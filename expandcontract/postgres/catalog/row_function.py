"""What knows how many columns the table has: functions that, or whose callers, fail with one column more, and
views that show it.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.catalog import body
from expandcontract.postgres.query import several

_NOT_OF_AN_EXTENSION = """NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')"""
#: A ledger's own functions name no table of the user's.
_NOT_OF_A_LEDGER = """NOT EXISTS (
    SELECT FROM pg_catalog.pg_class v
    WHERE v.relnamespace = p.pronamespace AND v.relname = 'status_v1' AND v.relkind = 'v')"""

#: $1 the table: functions whose result is its row type, and those that have it among their arguments.
_ROW_TYPED = f"""
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text, p.prorettype IN (y.oid, y.typarray)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_type y ON y.oid = c.reltype
JOIN pg_catalog.pg_proc p ON p.prorettype IN (y.oid, y.typarray)
                          OR p.proargtypes::pg_catalog.oid[] && ARRAY[y.oid, y.typarray]
WHERE c.oid = $1 AND {_NOT_OF_AN_EXTENSION}
ORDER BY 1
"""

#: $1 the table. Bodies kept as text that name it and have a star; in a standard body stars were expanded when
#: it was made. A result of columns has its number of them, too.
_STARRED = f"""
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text, c.relname::pg_catalog.text, p.prosrc,
       p.prorettype = 'pg_catalog.record'::pg_catalog.regtype AND p.proallargtypes IS NOT NULL,
       l.lanname = 'sql'
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_proc p ON pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(c.relname)) > 0
JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
WHERE c.oid = $1 AND p.prosqlbody IS NULL AND p.oid >= 16384::pg_catalog.oid
  AND (pg_catalog.strpos(p.prosrc, '*') > 0 OR p.prosrc ~* '\\mtable\\M') AND {_NOT_OF_AN_EXTENSION}
  AND {_NOT_OF_A_LEDGER}
ORDER BY 1
"""

#: $1 the table: what shows its rows as values. In pg_depend that is no other thing than to read it; a rule's
#: tree has a variable of no column's, of the row's type.
_WHOLE_ROWS = """
SELECT DISTINCT CASE WHEN r.rulename = '_RETURN'
           THEN CASE v.relkind WHEN 'm' THEN 'Materialized view ' ELSE 'View ' END
           ELSE 'Rule ' || pg_catalog.quote_ident(r.rulename) || ' ON ' END
       || v.oid::pg_catalog.regclass::pg_catalog.text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid = c.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
WHERE c.oid = $1
  AND pg_catalog.strpos(r.ev_action::pg_catalog.text, ':varattno 0 :vartype ' || c.reltype || ' ') > 0
ORDER BY 1
"""


@dataclass(frozen=True)
class RowFunctions:
    """By regprocedure text: functions that return rows of the table, those that take them as arguments, and
    those whose text passes on all columns of its rows to where a number of them is expected. `showing` are
    the views and rules, each after what it is, in which its rows are values.
    """

    returning: tuple[str, ...] = ()
    taking: tuple[str, ...] = ()
    passing_on: tuple[str, ...] = ()
    showing: tuple[str, ...] = ()


async def load(conn: AsyncConnection, oid: int) -> RowFunctions:
    """Return the functions that know how many columns a table has."""
    typed, starred, whole = await several(conn, (_ROW_TYPED, _STARRED, _WHOLE_ROWS), oid)
    return RowFunctions(
        tuple(name for name, returns in typed if returns),
        tuple(name for name, returns in typed if not returns),
        tuple(
            name
            for name, table, source, of_columns, sql in starred
            if body.passes_rows_on(body.without_comments(source), table, of_columns=of_columns, sql=sql)
        ),
        tuple(name for (name,) in whole),
    )
