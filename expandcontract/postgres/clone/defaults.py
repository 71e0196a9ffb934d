"""The default of the new side: what the expression makes of the old one."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.clone.judgement import Expression, Question
from expandcontract.postgres.clone.table import CLONE, answered, asked, checked, evaluating
from expandcontract.postgres.query import execute, rows

#: A name of a column that is found again in what the server writes.
_PLACE = "ec_the_place_of_the_default"


async def default_of(
    conn: AsyncConnection, column: Column, forward: Expression | None, question: Question
) -> str | None:
    """Return the new side's default as SQL; None where there is none, or the old one moves at contract."""
    if column.default is None or column.default_kind in ("opaque", "volatile") or question.function:
        return None
    if forward is None:
        return column.default
    if column.default_kind == "stable" and question.using is None:
        return f"CAST(({column.default}) AS {forward.type})"
    if forward.volatile:
        return None
    carry = _through_forward if column.default_kind == "stable" else _converted
    return await carry(conn, column, column.default, forward)


async def _converted(conn: AsyncConnection, column: Column, default: str, forward: Expression) -> str | None:
    """Return what forward makes of a constant default, or None where the new type cannot hold it."""
    try:
        async with evaluating(conn):
            row = f"SELECT ({default})::{column.type} AS {quote(column.name)}"
            query = f"""SELECT {quote(column.name)} IS NULL, pg_catalog.quote_nullable(({forward.sql})::text)
                FROM ({row}) AS ec_row"""
            ((empty, value),) = await rows(conn, query)
    except DBAPIError:
        return None
    return None if value == "NULL" and not empty else f"{value}::{forward.type}"


async def _through_forward(
    conn: AsyncConnection, column: Column, default: str, forward: Expression
) -> str | None:
    """Put the default in the column's place inside of the expression, or return None where it does not fit.

    A DEFAULT takes no subquery. The server writes the column by a name that nothing else has, so that the
    text can be replaced; whether the result is a default for the type, it says itself. Nothing is evaluated.
    """
    savepoint = await conn.begin_nested()
    try:
        for statement in (
            asked(forward.sql),
            f"RENAME COLUMN {quote(column.name)} TO {_PLACE}",
        ):
            await execute(conn, f"ALTER TABLE {CLONE} {statement}")
        ((sql, *_),) = await checked(conn)
        inner = answered(sql)
        made = inner.replace(_PLACE, f"CAST(({default}) AS {column.type})")
        add = (
            f"ALTER TABLE {CLONE} ADD COLUMN ec_made {forward.type}, ALTER COLUMN ec_made SET DEFAULT {made}"
        )
        await execute(conn, add)
    except DBAPIError:
        return None
    else:
        return made
    finally:
        await savepoint.rollback()
