"""The writer of `control`, the wished state, and what every worker on any host reads between batches."""

import json
import os
import socket
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Table, and_, case, false, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import one_situation
from expandcontract.ledger.tables import Tables
from expandcontract.model.records import Wish


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
    """Change the wished state of a change. A pause never ends sooner because of another one: the longer of
    the two holds, with who asked for it and why.
    """
    control = tables.control
    seconds = wishes.get("pause_seconds")
    row: dict[str, Any] = {key: value for key, value in wishes.items() if key != "pause_seconds"}
    row |= {"changed_by": who, "changed_at": func.clock_timestamp()}
    if "paused" in wishes:
        row |= _pause(who, wishes.get("paused_why"), seconds) if wishes["paused"] else dict.fromkeys(_PAUSE)
    fresh = insert(control).values({"paused": False} | row | {"change_id": change_id})
    kept = row
    if wishes.get("paused"):
        longer = _lasts_longer(control, seconds)
        kept = row | {name: case((longer, control.c[name]), else_=row[name]) for name in _PAUSE}
    await conn.execute(fresh.on_conflict_do_update(index_elements=["change_id"], set_=kept))
    await tell(conn, tables, change_id, who, wishes)


#: What is known of a pause beside that there is one.
_PAUSE = ("paused_by", "paused_at", "paused_why", "paused_until")


def _pause(who: str, why: str | None, seconds: float | None) -> dict[str, Any]:
    until = None if seconds is None else _from_now(seconds)
    return {"paused_by": who, "paused_at": func.clock_timestamp(), "paused_why": why, "paused_until": until}


def _from_now(seconds: float) -> ColumnElement[Any]:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _lasts_longer(control: Table, seconds: float | None) -> ColumnElement[bool]:
    """Whether the pause that is in force ends later than one of `seconds` from now (None: when somebody
    resumes).
    """
    if seconds is None:
        return false()
    return and_(control.c.paused, func.coalesce(control.c.paused_until > _from_now(seconds), true()))


async def wished(conn: AsyncConnection, tables: Tables, change_id: int) -> Wish:
    """Return the wished state as workers ask for it between batches. A pause that has run out is none."""
    view = tables.wished.c
    found = await conn.execute(select(view.wish).where(view.change_id == change_id))
    return one_situation.wish(found.scalar_one_or_none())


async def heard(conn: AsyncConnection, tables: Tables, change_id: int, wish: Wish) -> None:
    """Say that this process has read the wish and keeps to it from its next batch on."""
    query = f"""
UPDATE {tables.qualified("lease")} SET heard_at = coalesce($4, pg_catalog.clock_timestamp())
WHERE change_id = $1 AND host = $2 AND pid = $3"""
    await conn.exec_driver_sql(query, (change_id, socket.gethostname(), os.getpid(), wish.asked_at))


async def halt(
    conn: AsyncConnection, tables: Tables, who: str, why: str | None, seconds: float | None
) -> None:
    """Pause every change, for so many seconds (None: until somebody resumes); those as well that are started
    meanwhile. One that lasts longer stays.
    """
    until = None if seconds is None else _from_now(seconds)
    row = {"paused_by": who, "paused_why": why, "paused_until": until}
    await conn.execute(tables.halt.insert().values(row))


async def end_halts(conn: AsyncConnection, tables: Tables, who: str) -> None:
    """Let every change go on that is not paused by itself."""
    ended = {"ended_by": who, "ended_at": func.clock_timestamp()}
    await conn.execute(update(tables.halt).where(tables.halt.c.ended_at.is_(None)).values(ended))


async def tell(conn: AsyncConnection, tables: Tables, change_id: int, who: str, wishes: Wishes) -> None:
    """Write the event of a wish. Who may wish has a right on `control` and on this, and on no other event."""
    await conn.exec_driver_sql(
        f"SELECT {tables.qualified('tell_wish')}($1, $2, $3::text::jsonb)",
        (change_id, who, json.dumps(wishes)),
    )
