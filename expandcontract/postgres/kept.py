"""Statements that a session keeps: what is asked again and again is parsed and planned once.

To plan a query over a dozen catalogs takes the server longer than to run it. What is kept has no parameters:
only then has it one plan for good, and what a process asks again is the same to the letter.
"""

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.postgres.message import driver, failures

if TYPE_CHECKING:
    import asyncpg

_Statements: TypeAlias = "OrderedDict[str, asyncpg.prepared_stmt.PreparedStatement[Any]]"

#: Where a connection keeps them.
_KEPT = "expandcontract.kept"
#: Each takes one or two megabytes of the server's. A change that is looked at has three in each state.
_MOST = 12
_numbers = itertools.count(1)


async def text(conn: AsyncConnection, query: str) -> str:
    """Return the one text that `query`, without parameters, selects.

    Behind a pooler, which may give the next transaction to another session, nothing is kept. Raises
    DBAPIError.
    """
    raw = await driver(conn)
    if _KEPT not in conn.info:
        # A pooler makes up the process id that it tells its clients.
        backend = await conn.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()")
        conn.info[_KEPT] = OrderedDict() if backend.scalar_one() == raw.get_server_pid() else None
    statements: _Statements | None = conn.info[_KEPT]
    if statements is None:
        return str((await conn.exec_driver_sql(query)).scalar_one())
    async with failures(conn):
        if query not in statements:
            statements[query] = await raw.prepare(query, name=f"ec_{next(_numbers)}")
        statements.move_to_end(query)
        if len(statements) > _MOST:
            statements.popitem(last=False)  # the driver closes it
        return str(await statements[query].fetchval())
