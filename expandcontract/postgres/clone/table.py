"""The clone itself: what every question to it needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.settings import NO_PATH, own_path

CLONE = "pg_temp.ec_clone"


#: What is asked under the role's own search_path names every operator with its schema: where pg_catalog has
#: none of just these types, such as (oid, regclass), one in a schema of the path would run with our rights.
EQ, NE = "OPERATOR(pg_catalog.=)", "OPERATOR(pg_catalog.<>)"


#: What the server made of the CHECK that holds an expression, and what else came with it.
_CHECK = """
SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)),
       (SELECT count(*) FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.conrelid AND o.contype = 'c'),
       ARRAY(SELECT d.refobjid::pg_catalog.regprocedure::text FROM pg_catalog.pg_depend d
             WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid
               AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass ORDER BY 1)
FROM pg_catalog.pg_constraint c
WHERE c.conrelid = $1::text::pg_catalog.regclass AND c.conname = 'ec_check'
"""


def text(value: object) -> str:
    """Return a value as text; one of type "char", such as a relkind, comes as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


async def unqualified(conn: AsyncConnection, query: str) -> list[tuple[Any, ...]]:
    """Read about the clone with every name qualified by the server."""
    await execute(conn, NO_PATH)
    found = await rows(conn, query, CLONE)
    await execute(conn, own_path())
    return found


async def checked(conn: AsyncConnection) -> list[tuple[str, list[str], int, list[str]]]:
    """Read the CHECK `ec_check`: its expression, its columns, how many CHECKs there are, its functions."""
    return [
        (sql, columns, count, functions) for sql, columns, count, functions in await unqualified(conn, _CHECK)
    ]


def asked(expression: str) -> str:
    """Return the CHECK in which the server parses an expression."""
    return f"ADD CONSTRAINT ec_check CHECK (({expression}) IS NOT NULL)"


def answered(check: str) -> str:
    """Return the expression within that CHECK, as the server writes it."""
    return check.removeprefix("(").removesuffix(" IS NOT NULL)")


async def tries(conn: AsyncConnection, statement: str) -> bool:
    """Whether the statement goes through; it is rolled back in any case."""
    savepoint = await conn.begin_nested()
    try:
        await execute(conn, statement)
    except DBAPIError:
        return False
    else:
        return True
    finally:
        await savepoint.rollback()


@asynccontextmanager
async def evaluating(conn: AsyncConnection) -> AsyncIterator[None]:
    """What the body evaluates writes nothing: no row, and no sequence, which no rollback would set back."""
    savepoint = await conn.begin_nested()
    try:
        await execute(conn, "SET LOCAL transaction_read_only = on")
        yield
    finally:
        await savepoint.rollback()


async def attempt(conn: AsyncConnection, statement: str) -> None:
    """Run a statement whose failure only means that the thing does not fit."""
    try:
        async with conn.begin_nested():
            await execute(conn, statement)
    except DBAPIError:
        return
