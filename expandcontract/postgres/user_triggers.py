"""The user's own triggers: whether they can be kept from firing for what a session of ours writes.

`session_replication_role = replica` keeps every trigger from firing that is enabled in the usual way: the
user's, and those by which PostgreSQL checks foreign keys and deferrable constraints. The sync trigger is
ENABLE ALWAYS.
"""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.descendants import tree
from expandcontract.postgres.sqlstate import INSUFFICIENT_PRIVILEGE, sqlstate

SUPPRESSED = (("session_replication_role", "replica"),)

#: $1 the table, $2 the column that is written. tgtype & 16: UPDATE. Statements go to each leaf by itself, so
#: that triggers of statements fire where they are the leaf's.
_OBSTINATE = f"""
WITH RECURSIVE {tree()}
SELECT DISTINCT pg_catalog.quote_ident(t.tgname::pg_catalog.text)
FROM tree JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation
WHERE t.tgenabled IN ('A', 'R') AND t.tgtype & 16 <> 0 AND NOT t.tgisinternal
  AND t.tgname !~ '^[~!]e[crs]_'
  AND (pg_catalog.cardinality(t.tgattr::pg_catalog.int2[]) = 0 OR EXISTS (
      SELECT FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = tree.relation AND a.attname = $2::pg_catalog.name
        AND a.attnum = ANY (t.tgattr::pg_catalog.int2[])))
ORDER BY 1
"""


async def may_suppress(conn: AsyncConnection) -> bool:
    """Whether the role may; leaves the transaction as it was."""
    ((name, value),) = SUPPRESSED
    try:
        async with conn.begin_nested() as savepoint:
            await conn.exec_driver_sql("SELECT pg_catalog.set_config($1, $2, true)", (name, value))
            await savepoint.rollback()
    except DBAPIError as error:
        if sqlstate(error) != INSUFFICIENT_PRIVILEGE:
            raise
        return False
    return True


async def obstinate(conn: AsyncConnection, table: int, column: str) -> tuple[str, ...]:
    """Return the triggers of a table and its leaves that fire all the same when the column is written:
    ENABLE ALWAYS, and ENABLE REPLICA, which would fire only then.
    """
    return tuple((await conn.exec_driver_sql(_OBSTINATE, (table, column))).scalars())
