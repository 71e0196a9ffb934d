"""Functions whose result is the table's row type: one column more is one that they do not return."""

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import rows

_RETURNING = """
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_type y ON y.oid = c.reltype
JOIN pg_catalog.pg_proc p ON p.prorettype IN (y.oid, y.typarray)
WHERE c.oid = $1 AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""


async def load(conn: AsyncConnection, oid: int) -> tuple[str, ...]:
    """Return the functions that return rows of a table, as regprocedure writes them."""
    return tuple(function for (function,) in await rows(conn, _RETURNING, oid))
