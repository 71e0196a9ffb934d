"""The writer of `control`, the wished state, and what every worker on any host reads between batches."""

import json
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Table, and_, case, false, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

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
    # Who may wish has a right on `control` and on this, and on no other event.
    await conn.exec_driver_sql(
        f"SELECT {tables.qualified('tell_wish')}($1, $2, $3::text::jsonb)",
        (change_id, who, json.dumps(wishes)),
    )


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
    c = tables.control.c
    paused = and_(c.paused, func.coalesce(c.paused_until > func.clock_timestamp(), true()))
    rates = (c.batch, c.max_rate, c.workers, c.max_lag_seconds)
    query = select(paused, c.paused_by, *rates, c.paused_at, c.paused_why, c.paused_until)
    row = (await conn.execute(query.where(c.change_id == change_id))).first()
    return Wish() if row is None else Wish(*row)
