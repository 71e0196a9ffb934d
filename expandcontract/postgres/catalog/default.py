"""How a default behaves, by PostgreSQL's own judgement: tried on an empty table, and rolled back."""

import re
from typing import Literal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import value
from expandcontract.postgres.sqlstate import sqlstate

DefaultKind = Literal["constant", "stable", "opaque", "volatile"]

_NOT_IMMUTABLE = "42P17"  # invalid_object_definition
_CREATE = "CREATE TEMPORARY TABLE ec_default (x pg_catalog.int4, d {type} DEFAULT {expression})"
#: Functions of the user, which a role may not be allowed to call, and settings, which a session may lack.
_OPAQUE = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_attrdef d,
        pg_catalog.regexp_matches(d.adbin::pg_catalog.text, ':(?:funcid|opfuncid) (\\d+)', 'g') AS named(id)
    LEFT JOIN pg_catalog.pg_proc p ON p.oid = named.id[1]::pg_catalog.oid
    WHERE d.adrelid = 'pg_temp.ec_default'::pg_catalog.regclass
      AND (p.oid >= 16384::pg_catalog.oid OR p.proname = 'current_setting')
)"""
#: A NULL of some type: no default at all.
_NOTHING = re.compile(r"NULL::[^()]*(\(\d+(,\d+)?\))?")
_FILENODE = "SELECT pg_catalog.pg_relation_filenode('pg_temp.ec_default'::pg_catalog.regclass)::int8"


async def judge(conn: AsyncConnection, type_sql: str, expression: str) -> DefaultKind:
    """Return whether a default is the same for ever, during a statement, or new at each call; `opaque` where
    nobody but who writes without giving the column may evaluate it: neither the plan nor the trigger does.

    PostgreSQL takes only immutable expressions for the predicate of an index, and rewrites a table (also an
    empty one) to add a column only when its default is volatile. Both look into SQL functions, whose labels
    may say anything.

    Needs TEMPORARY on the database, takes no lock that anybody sees, and leaves nothing behind.
    """
    cast = f"(({expression})::{type_sql})"
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(_CREATE.format(type=type_sql, expression=f"({expression})"))
        if await value(conn, _OPAQUE):
            return "opaque"
        if await _immutable(conn, cast):
            return "constant"
        return "volatile" if await _rewrites(conn, cast) else "stable"
    finally:
        await savepoint.rollback()


def is_nothing(expression: str) -> bool:
    """Pure. Whether a default, as the server writes it, is NULL whatever its type."""
    return _NOTHING.fullmatch(expression) is not None


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
