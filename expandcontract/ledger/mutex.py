"""Advisory locks of the ledger: one at a time, for a moment each.

Any role may take any advisory lock. So they are tried for, never queued for without an end, and whoever holds
one for long is named.
"""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import LockBudgetSpent
from expandcontract.postgres.query import rows, value

#: Between two tries.
_RETRY_SECONDS = 0.02

#: $1 name, $2 number.
_KEYS = "pg_catalog.hashtext($1::text), pg_catalog.hashint8($2::int8)"
_TRY = f"SELECT pg_catalog.pg_try_advisory_xact_lock({_KEYS})"
_HOLDERS = """
SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.state, 'unknown'),
       coalesce(pg_catalog.host(a.client_addr), 'local')
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND l.classid::int8 = (pg_catalog.hashtext($1::text)::int8 & 4294967295)
  AND l.objid::int8 = (pg_catalog.hashint8($2::int8)::int8 & 4294967295)
"""


async def take(conn: AsyncConnection, name: str, number: int, *, patience: timedelta) -> None:
    """Take a lock until the transaction of `conn` ends. Raises LockBudgetSpent naming who holds it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.total_seconds()
    while not await value(conn, _TRY, name, number):
        if loop.time() >= deadline:
            raise LockBudgetSpent(
                f"The advisory lock of {name} is held by {await _holders(conn, name, number)}.",
                why="ec takes it for a moment each time; any role may take one, and keep it.",
                state="Nothing was done.",
                next="End that session, SELECT pg_terminate_backend(PID), then run the same command again.",
            )
        await asyncio.sleep(_RETRY_SECONDS)


async def _holders(conn: AsyncConnection, name: str, number: int) -> str:
    found = await rows(conn, _HOLDERS, name, number)
    named = [
        f"pid {pid} (role {role}, {application or 'an application without a name'}, {state}, {address})"
        for pid, role, application, state, address in found
    ]
    return ", ".join(named) or "a session that has just ended, or a prepared transaction"
