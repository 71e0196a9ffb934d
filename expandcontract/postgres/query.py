"""Queries in PostgreSQL's own parameter style, with their rows read at once."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection


async def rows(conn: AsyncConnection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Return all rows of `query`, whose parameters are $1, $2, ..."""
    result = await conn.exec_driver_sql(query, arguments)
    return [tuple(row) for row in result]


async def value(conn: AsyncConnection, query: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the query selects
    """Return the only column of the only row of `query`."""
    ((found,),) = await rows(conn, query, *arguments)
    return found
