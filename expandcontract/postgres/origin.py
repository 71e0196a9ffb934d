"""Replication origins: they mark what a session writes, so that consumers of logical replication can tell.

An origin is the session's as long as it lives, and belongs to one session at a time, so each session has one
of its own: NAME_0, NAME_1, ... They are of the whole server, not of one database. Each that was ever used
takes one of max_active_replication_origins (before 18: max_replication_slots) until it is dropped, on every
standby as well: one that has none left stops replaying.
"""

import asyncio
import re
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import MissingPrivilege, Refused
from expandcontract.postgres.sqlstate import INSUFFICIENT_PRIVILEGE, sqlstate

#: This many sessions may write under one name, over all processes.
MOST = 32

_IN_USE = "55006"
_NONE_LEFT = "53400"
_THERE_ALREADY = "23505"

#: What a role that is not a superuser must be granted, to mark and to drop.
FUNCTIONS = (
    "pg_replication_origin_create(text)",
    "pg_replication_origin_session_setup(text)",
    "pg_replication_origin_drop(text)",
)
# The session's search_path is not ours yet.
_KNOWN = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_replication_origin
               WHERE roname OPERATOR(pg_catalog.=) $1::pg_catalog.text)
"""
_MISSING = """
SELECT name FROM pg_catalog.unnest($1::pg_catalog.text[]) AS name
WHERE NOT pg_catalog.has_function_privilege('pg_catalog.' || name, 'EXECUTE')
"""


class Origins:
    """The origins of one process, each with the session that holds it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held: dict[int, asyncpg.Connection[Any]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def adopt(self, connection: "asyncpg.Connection[Any]") -> None:
        """Give a new session an origin that no other has; it is free again when the session ends.

        Raises:
            MissingPrivilege: the role may not use origins.
            Refused: the server has no origin left, or there is a pooler: others would write under our mark.
        """
        async with self._one_at_a_time:
            # In a transaction: a statement and its parameters are two messages, to one backend of a pooler.
            async with connection.transaction():
                backend = await connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
            if connection.get_server_pid() != backend:
                raise _pooled()
            for number in range(MOST):
                holder = self._held.get(number)
                if holder is not None and not holder.is_closed():
                    continue
                if await _taken(connection, f"{self._name}_{number}"):
                    self._held[number] = connection
                    return
        raise Refused(
            f"All {MOST} replication origins {self._name}_0 to {self._name}_{MOST - 1} are in use.",
            why="Each session that copies rows needs one of its own.",
            next="Fewer workers, or another name: --replication-origin",
        )


async def _taken(connection: "asyncpg.Connection[Any]", origin: str) -> bool:
    """Make the origin the session's; return False when it is another session's."""
    try:
        if not await connection.fetchval(_KNOWN, origin):
            await _create(connection, origin)
        await connection.execute(
            f"SELECT pg_catalog.pg_replication_origin_session_setup('{origin}')"  # the name was checked
        )
    except asyncpg.PostgresError as error:
        match error.sqlstate:
            case state if state == _IN_USE:
                return False
            case state if state == INSUFFICIENT_PRIVILEGE:
                raise _forbidden() from error
            case state if state == _NONE_LEFT:
                raise _none_left() from error
        raise
    return True


async def _create(connection: "asyncpg.Connection[Any]", origin: str) -> None:
    try:
        await connection.execute(f"SELECT pg_catalog.pg_replication_origin_create('{origin}')")
    except asyncpg.PostgresError as error:
        if error.sqlstate != _THERE_ALREADY:  # another process was faster
            raise


async def is_decoded(conn: AsyncConnection) -> bool:
    """Whether the server writes what logical decoding needs: otherwise nobody could see an origin."""
    query = "SELECT pg_catalog.current_setting('wal_level') = 'logical'"
    return bool((await conn.exec_driver_sql(query)).scalar_one())


async def missing(conn: AsyncConnection) -> tuple[str, ...]:
    """Return the functions that the role would have to be granted."""
    return tuple((await conn.exec_driver_sql(_MISSING, (list(FUNCTIONS),))).scalars())


async def drop(conn: AsyncConnection, name: str) -> tuple[str, ...]:
    """Drop the origins of that name; return those that could not be: in use, or not the role's to drop."""
    query = "SELECT roname::pg_catalog.text FROM pg_catalog.pg_replication_origin ORDER BY roident"
    found = (await conn.exec_driver_sql(query)).scalars()
    left = []
    for origin in [each for each in found if re.fullmatch(rf"{re.escape(name)}_\d+", each)]:
        try:
            async with conn.begin_nested():
                await conn.exec_driver_sql("SELECT pg_catalog.pg_replication_origin_drop($1)", (origin,))
        except DBAPIError as error:
            if sqlstate(error) not in (_IN_USE, INSUFFICIENT_PRIVILEGE):
                raise
            left.append(origin)
    return tuple(left)


def _pooled() -> Refused:
    return Refused(
        "Rows cannot be marked through a pooler.",
        why="A replication origin belongs to the server's session, which others would write with next.",
        state="No row was copied by this process.",
        next="Set EC_DIRECT_URL to the server behind the pooler, or leave --replication-origin out.",
    )


def _forbidden() -> MissingPrivilege:
    granted = ", ".join(FUNCTIONS)
    return MissingPrivilege(
        "The role may not mark rows with a replication origin.",
        why="Only superusers may, and whom they let.",
        state="No row was copied by this process.",
        next=f"GRANT EXECUTE ON FUNCTION {granted} TO the role; or leave --replication-origin out.",
    )


def _none_left() -> Refused:
    return Refused(
        "The server has no replication origin left.",
        why="max_active_replication_origins (before 18: max_replication_slots) counts those of subscriptions "
        "as well, and every one that was used until it is dropped.",
        state="No row was copied by this process.",
        next="Raise it on the standbys, then here; use fewer workers; or leave --replication-origin out.",
    )
