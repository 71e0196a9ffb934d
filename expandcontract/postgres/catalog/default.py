"""How a default behaves, by PostgreSQL's own judgement: tried on an empty table, and rolled back."""

from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import sqlstate

Kind = Literal["constant", "stable", "volatile"]

_NOT_IMMUTABLE = "42P17"  # invalid_object_definition
_CREATE = "CREATE TEMPORARY TABLE ec_default (x pg_catalog.int4)"
_FILENODE = "SELECT pg_catalog.pg_relation_filenode('pg_temp.ec_default'::pg_catalog.regclass)::int8"


async def judge(conn: AsyncConnection, type_sql: str, expression: str) -> Kind:
    """Return whether a default is the same for ever, during a statement, or new at each call.

    PostgreSQL takes only immutable expressions for the predicate of an index, and rewrites a table (also an
    empty one) to add a column only when its default is volatile. Both look into SQL functions, whose labels
    may say anything.

    Needs TEMPORARY on the database, takes no lock that anybody sees, and leaves nothing behind.
    """
    cast = f"(({expression})::{type_sql})"
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(_CREATE)
        if await _immutable(conn, cast):
            return "constant"
        return "volatile" if await _rewrites(conn, cast) else "stable"
    finally:
        await savepoint.rollback()


async def _immutable(conn: AsyncConnection, cast: str) -> bool:
    """Ask of a predicate: a generated column would not do, 18 cannot fold upper('a') there (42P22)."""
    try:
        async with conn.begin_nested():
            await conn.exec_driver_sql(f"CREATE INDEX ON pg_temp.ec_default (x) WHERE {cast} IS NOT NULL")
    except DBAPIError as error:
        if sqlstate(error) != _NOT_IMMUTABLE:
            raise
        return False
    return True


async def _rewrites(conn: AsyncConnection, cast: str) -> bool:
    """Whether adding the column rewrites. As text: a domain with constraints would be a reason by itself."""
    before = await value(conn, _FILENODE)
    await conn.exec_driver_sql(
        f"ALTER TABLE pg_temp.ec_default ADD COLUMN v pg_catalog.text DEFAULT ({cast}::pg_catalog.text)"
    )
    return bool(before != await value(conn, _FILENODE))
