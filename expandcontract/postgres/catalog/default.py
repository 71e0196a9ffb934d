"""How a default behaves, by PostgreSQL's own judgement: tried on a table without columns, and rolled back."""

from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import sqlstate

Kind = Literal["constant", "stable", "volatile"]

_NOT_IMMUTABLE = "42P17"  # invalid_object_definition
_CREATE = "CREATE TEMPORARY TABLE ec_default ()"
_FILENODE = "SELECT pg_catalog.pg_relation_filenode('pg_temp.ec_default'::pg_catalog.regclass)::int8"


async def judge(conn: AsyncConnection, type_sql: str, expression: str) -> Kind:
    """Return whether a default is the same for ever, during a statement, or new at each call.

    PostgreSQL takes only immutable expressions for a generated column, and rewrites a table (also an empty
    one) to add a column only when its default is volatile. Both read through functions that SQL functions are
    inlined from, as labels in pg_proc do not tell. Needs TEMPORARY on the database, takes no lock that
    anybody sees, and leaves nothing behind.
    """
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(_CREATE)
        if await _immutable(conn, type_sql, expression):
            return "constant"
        return "volatile" if await _rewrites(conn, expression) else "stable"
    finally:
        await savepoint.rollback()


async def _immutable(conn: AsyncConnection, type_sql: str, expression: str) -> bool:
    try:
        async with conn.begin_nested():
            await conn.exec_driver_sql(
                f"ALTER TABLE pg_temp.ec_default ADD COLUMN g {type_sql} GENERATED ALWAYS AS ({expression}) STORED"
            )
    except DBAPIError as error:
        if sqlstate(error) != _NOT_IMMUTABLE:
            raise
        return False
    return True


async def _rewrites(conn: AsyncConnection, expression: str) -> bool:
    """Whether adding the column rewrites. As text: a domain with constraints would be a reason to rewrite by itself."""
    before = await value(conn, _FILENODE)
    await conn.exec_driver_sql(
        f"ALTER TABLE pg_temp.ec_default ADD COLUMN v pg_catalog.text DEFAULT (({expression})::pg_catalog.text)"
    )
    after = await value(conn, _FILENODE)
    return bool(before != after)
