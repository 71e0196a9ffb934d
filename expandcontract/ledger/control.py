"""The writer of `control`, the wished state, and what every worker on any host reads between batches."""

from typing import Any, TypedDict, Unpack

from sqlalchemy import and_, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.model.situation import Wish


class Wishes(TypedDict, total=False):
    """What can be wished. What is left out stays; None: as the program likes. `max_rate`: rows per second.

    A pause ends by itself after `pause_seconds`; None: when somebody resumes.
    """

    paused: bool
    paused_why: str | None
    pause_seconds: float | None
    batch: int | None
    max_rate: float | None
    workers: int | None
    max_lag_seconds: float | None


async def wish(
    conn: AsyncConnection, tables: Tables, change_id: int, who: str, **wishes: Unpack[Wishes]
) -> None:
    """Change the wished state of a change."""
    row: dict[str, Any] = {**wishes, "changed_by": who, "changed_at": func.clock_timestamp()}
    seconds = row.pop("pause_seconds", None)
    if "paused" in wishes:
        paused = wishes["paused"]
        row["paused_by"] = who if paused else None
        row["paused_at"] = func.clock_timestamp() if paused else None
        row["paused_why"] = wishes.get("paused_why") if paused else None
        until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        row["paused_until"] = until if paused and seconds is not None else None
    fresh = insert(tables.control).values({"paused": False} | row | {"change_id": change_id})
    await conn.execute(fresh.on_conflict_do_update(index_elements=["change_id"], set_=row))
    await event.write(conn, tables, "tuned", who, change_id=change_id, data=wishes)


async def wished(conn: AsyncConnection, tables: Tables, change_id: int) -> Wish:
    """Return the wished state as workers ask for it between batches. A pause that has run out is none."""
    c = tables.control.c
    paused = and_(c.paused, func.coalesce(c.paused_until > func.clock_timestamp(), true()))
    rates = (c.batch, c.max_rate, c.workers, c.max_lag_seconds)
    query = select(paused, c.paused_by, *rates, c.paused_at, c.paused_why, c.paused_until)
    row = (await conn.execute(query.where(c.change_id == change_id))).first()
    return Wish() if row is None else Wish(*row)
