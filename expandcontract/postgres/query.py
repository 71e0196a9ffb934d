"""Queries in PostgreSQL's own parameter style, with their rows read at once."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import literal


async def rows(conn: AsyncConnection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Return all rows of `query`, whose parameters are $1, $2, ..."""
    result = await conn.exec_driver_sql(query, arguments)
    return [tuple(row) for row in result]


async def value(conn: AsyncConnection, query: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the query selects
    """Return the only column of the only row of `query`."""
    ((found,),) = await rows(conn, query, *arguments)
    return found


def combined(queries: Mapping[str, str], *, beside: str = "") -> str:
    """Return the one query that asks all of `queries`: the text of a JSON object with the rows of each, as
    objects by the names of their columns.

    `beside` are CTEs that they share, without WITH RECURSIVE.
    """
    parts = ",\n".join(
        f"{literal(name)}, (SELECT coalesce(pg_catalog.json_agg(r), '[]') FROM ({query.strip()}) r)"
        for name, query in queries.items()
    )
    shared = f"WITH RECURSIVE {beside.strip()}\n" if beside else ""
    return f"{shared}SELECT pg_catalog.json_build_object(\n{parts})::pg_catalog.text"


async def together(
    conn: AsyncConnection, queries: Mapping[str, str], asked: object, *, beside: str = ""
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all `queries` by one round trip, by the queries' names.

    `asked`, as JSON, is their parameter $1::pg_catalog.text: a driver has to look up each type of array on
    each connection. Moments come as text.
    """
    found: dict[str, list[dict[str, Any]]] = json.loads(
        await value(conn, combined(queries, beside=beside), json.dumps(asked))
    )
    return found
