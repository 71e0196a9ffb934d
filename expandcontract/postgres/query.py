"""Queries in PostgreSQL's own parameter style, with their rows read at once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import literal
from expandcontract.postgres.message import Query, constant, fetch, renumbered, send

#: Where a connection keeps the function through which its statements go, as SQL: see `owner_rights.defined`.
ROUTE = "expandcontract.route"
#: The savepoints of who tries something look up no name, and are in no function.
_OF_THE_SESSION = ("SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ")


async def rows(conn: AsyncConnection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Return all rows of `query`, whose parameters are $1, $2, ..."""
    route = conn.info.get(ROUTE)
    if route is None:
        return [tuple(row) for row in await fetch(conn, query, *arguments)]
    text = renumbered(query, lambda number: constant_of(arguments[number - 1]))
    found = await fetch(conn, f"SELECT * FROM {route}($1::pg_catalog.text, true)", text)
    return [tuple(json.loads(row, object_pairs_hook=in_order)) for (row,) in found]


async def run(conn: AsyncConnection, query: Query) -> list[tuple[Any, ...]]:
    """Run a statement with its values; return the rows that it returns."""
    return await rows(conn, query.sql, *query.values)


async def execute(conn: AsyncConnection, statement: str) -> None:
    """Run a statement that has no parameters and answers nothing."""
    route = conn.info.get(ROUTE)
    if route is None or statement.startswith(_OF_THE_SESSION):
        await conn.exec_driver_sql(statement)
    else:
        await conn.exec_driver_sql(f"SELECT * FROM {route}($1::pg_catalog.text, false)", (statement,))


async def execute_all(conn: AsyncConnection, statements: Sequence[str]) -> None:
    """Run such statements in one message where that can be, in the caller's transaction."""
    if conn.info.get(ROUTE) is None:
        await send(conn, *statements)
    else:
        for statement in statements:
            await execute(conn, statement)


def in_order(pairs: Sequence[tuple[str, Any]]) -> Sequence[Any]:
    """Pure. Return the values of a JSON object that is a row, in the order of its columns."""
    return [value for _, value in pairs]


def constant_of(value: object) -> str:
    """Pure. Return a parameter as SQL; without a type of its own, where it has one for the driver only."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"ARRAY[{', '.join(map(constant_of, value))}]" if value else "'{}'"
        case _:
            return literal(str(value))


async def value(conn: AsyncConnection, query: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the query selects
    """Return the only column of the only row of `query`."""
    ((found,),) = await rows(conn, query, *arguments)
    return found


def for_each(query: str) -> str:
    """Pure. Return a subquery of FROM that is run anew for each row before it, and finds its few rows by an
    index: the planner takes JSON for a hundred rows, and would sooner read a whole catalog.
    """
    return f"LATERAL ({query.strip()} OFFSET 0)"


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


async def several(
    conn: AsyncConnection, queries: Sequence[str], *arguments: object
) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each of `queries` by one round trip; they have their parameters in common. What JSON
    does not know comes as text.
    """
    parts = ", ".join(
        f"(SELECT coalesce(pg_catalog.json_agg(r), '[]') FROM ({query.strip()}) r)" for query in queries
    )
    text = await value(conn, f"SELECT pg_catalog.json_build_array({parts})::pg_catalog.text", *arguments)
    found = json.loads(text, object_pairs_hook=in_order)
    return [[tuple(row) for row in each] for each in found]


async def together(
    conn: AsyncConnection, queries: Mapping[str, str], asked: object, *, beside: str = ""
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all `queries` by one round trip, by the queries' names.

    `asked`, as JSON, is their parameter $1::pg_catalog.text: a driver has to look up each type of array on
    each connection. Moments come as text.
    """
    # Not as a statement that the session keeps: code of a table's owner may run in it, and prepare another
    # one of that name, which would then run with our rights.
    query, parameter = combined(queries, beside=beside), constant(json.dumps(asked))
    text = await value(conn, renumbered(query, lambda _: parameter))
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found
