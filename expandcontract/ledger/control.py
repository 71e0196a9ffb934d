"""The writer of `control`: the wished state, which every worker on any host reads between batches."""

from typing import Any, TypedDict, Unpack

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables


class Wishes(TypedDict, total=False):
    """What can be wished. What is left out stays; None: as the program likes. `max_rate`: rows per second."""

    paused: bool
    batch: int | None
    max_rate: float | None
    workers: int | None
    max_lag_seconds: float | None


async def wish(
    conn: AsyncConnection, tables: Tables, change_id: int, who: str, **wishes: Unpack[Wishes]
) -> None:
    """Change the wished state of a change."""
    row: dict[str, Any] = {**wishes, "changed_by": who, "changed_at": func.clock_timestamp()}
    if "paused" in wishes:
        row["paused_by"] = who if wishes["paused"] else None
    fresh = insert(tables.control).values({"paused": False} | row | {"change_id": change_id})
    await conn.execute(fresh.on_conflict_do_update(index_elements=["change_id"], set_=row))
    await event.write(conn, tables, "tuned", who, change_id=change_id, data=wishes)
