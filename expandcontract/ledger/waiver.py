"""The writer of `waiver`: soft gates that somebody opened. Append-only; the newest for a gate counts.

A function of the ledger writes it, so that who may open gates needs no right on a table.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.postgres.query import rows


async def add(
    conn: AsyncConnection, tables: Tables, change_id: int, gate: str, *, who: str, why: str, known: str
) -> bool:
    """Keep that `who` opened a gate, why, and what was known then. It covers no more than that. Beside `who`
    the server keeps the role that logged in, and returns whether it made the plan, under that name or role.
    """
    query = f"SELECT {tables.qualified('acknowledge')}($1, $2, $3, $4, $5)"
    ((by_starter,),) = await rows(conn, query, change_id, gate, who, why, known)
    return bool(by_starter)
