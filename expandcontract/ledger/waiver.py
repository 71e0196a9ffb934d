"""The writer of `waiver`: soft gates that somebody opened. Append-only; the newest for a gate counts."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables


async def add(
    conn: AsyncConnection, tables: Tables, change_id: int, gate: str, *, who: str, why: str, known: str
) -> None:
    """Keep that `who` opened a gate, why, and what was known then. It covers no more than that."""
    row = {"change_id": change_id, "gate": gate, "who": who, "why": why, "known": known}
    await conn.execute(insert(tables.waiver).values(row))
    data = {"gate": gate, "why": why}
    await event.write(conn, tables, "acknowledged", who, change_id=change_id, data=data)
