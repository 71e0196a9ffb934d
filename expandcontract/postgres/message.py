"""Whole messages to the server: several statements that go out together, without a round trip between them.

Between two statements that are sent one by one a client may be stopped, swapped out, or far away, and what
the first one locked stays locked meanwhile. What goes out in one message the server runs to its end by
itself.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from expandcontract.model.presence import mark
from expandcontract.postgres.sqlstate import is_disconnect

#: Where a connection keeps that its session has temporary objects which must not outlive the transaction.
LEFTOVERS = "expandcontract.leftovers"
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
#: A parameter, or what is quoted and holds none.
_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)""")


@dataclass(frozen=True)
class Query:
    """SQL with $1, $2, ... and their values."""

    sql: str
    values: Sequence[object] = ()


async def driver(conn: AsyncConnection) -> "asyncpg.Connection[Any]":
    """Return the connection of the driver: only it prepares a statement once and keeps it, and only it sends
    several statements at once.
    """
    sync = conn.sync_connection
    if sync is not None and not sync.invalidated and not sync.closed:
        return sync.connection.driver_connection  # type: ignore[return-value]
    return (await conn.get_raw_connection()).driver_connection  # type: ignore[return-value]


async def fetch(conn: AsyncConnection, query: str, *arguments: object) -> "list[asyncpg.Record]":
    """Return the rows of a query with $1, $2, ..., past SQLAlchemy, which costs more than the driver and the
    server together.

    Raises:
        DBAPIError: as SQLAlchemy would. A connection on which somebody stopped waiting is not used again.
    """
    raw = await driver(conn)
    try:
        return await (await raw.prepare(query, name="")).fetch(*arguments)
    except _FAILURES as error:
        raise await _told(conn, raw, error) from error
    except BaseException as error:
        if not isinstance(error, Exception):
            await conn.invalidate(error)
        raise


async def tagged(conn: AsyncConnection, statement: str) -> str:
    """Run one statement without parameters, and no more than one; return its command tag.

    Raises:
        DBAPIError: as SQLAlchemy would. A connection that broke is not used again.
    """
    raw = await driver(conn)
    try:
        prepared = await raw.prepare(marked(statement), name="")
        await prepared.fetch()
        return str(prepared.get_statusmsg())
    except _FAILURES as error:
        raise await _told(conn, raw, error) from error


async def send(conn: AsyncConnection, *statements: str) -> None:
    """Send statements without parameters as one message. The first that fails ends all of them.

    Raises:
        DBAPIError: as SQLAlchemy would for a single statement. A connection that broke is not used again.
    """
    raw = await driver(conn)
    try:
        await raw.execute(";\n".join(statements))
    except _FAILURES as error:
        raise await _told(conn, raw, error) from error


async def _told(conn: AsyncConnection, raw: "asyncpg.Connection[Any]", error: Exception) -> DBAPIError:
    """Return the DBAPIError that SQLAlchemy would raise for what the driver did."""
    lost = raw.is_closed() or is_disconnect(error)
    if lost:
        await conn.invalidate(error)
    return DBAPIError(None, None, error, connection_invalidated=lost)


def marked(statement: str) -> str:
    """Return the statement with the mark that says whose it is."""
    return f"{statement}\n{mark()}"


def inlined(conn: AsyncConnection, *statements: ClauseElement | Query) -> tuple[str, ...]:
    """Return statements as text in which parameters stand as constants.

    A constant has no type of its own, so that it means in its place what the parameter would have meant.
    """
    queries = [each if isinstance(each, Query) else _compiled(conn, each) for each in statements]
    return tuple(map(filled, queries))


def filled(query: Query) -> str:
    """Pure. Return a query as text in which its values stand as constants."""
    return _filled(query.sql, [constant(_text(value)) for value in query.values])


def constant(text: str | None) -> str:
    """Pure. Return a text as a constant that every session reads alike, as the server's quote_nullable does:
    what has a backslash is written as an escape string, whatever standard_conforming_strings says.
    """
    if text is None:
        return "NULL"
    if "\0" in text:
        raise ValueError("PostgreSQL knows no text with a NUL in it.")
    doubled = text.replace("'", "''")
    return " E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def _compiled(conn: AsyncConnection, statement: ClauseElement) -> Query:
    compiled = statement.compile(dialect=conn.dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - a statement, not DDL
    return Query(str(compiled), [compiled.params[name] for name in compiled.positiontup or ()])


def _filled(sql: str, constants: Sequence[str]) -> str:
    """Pure. Put the constants in the places of $1, $2, ..."""
    return renumbered(sql, lambda number: constants[number - 1])


def has_parameters(sql: str) -> bool:
    """Pure. Whether SQL has $1, $2, ... outside of what is quoted."""
    return any(found[1] for found in _PARAMETER.finditer(sql))


def renumbered(sql: str, place: Callable[[int], str]) -> str:
    """Pure. Return SQL that has something else in the places of $1, $2, ..."""
    return _PARAMETER.sub(lambda found: place(int(found[1])) if found[1] else found[0], sql)


def _text(value: Any) -> str | None:  # noqa: ANN401 - whatever a statement has
    """Pure. Return a parameter as PostgreSQL reads it."""
    if value is None:
        return None
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)
