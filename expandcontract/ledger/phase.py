"""The writer of `phase`, of the present attempt. Which move is allowed when stands in the ledger
(`phase_rule`).
"""

from typing import Any

from sqlalchemy import Insert, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.model.phases import Phase, Status


async def open_all(conn: AsyncConnection, tables: Tables, change_id: int, attempt: int) -> None:
    """Add the five pending phases of an attempt."""
    rows = [
        {"change_id": change_id, "attempt": attempt, "phase": phase, "status": Status.PENDING}
        for phase in Phase
    ]
    await conn.execute(insert(tables.phase), rows)


async def begin(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str) -> bool:
    """Move a phase to running; return False when it was running already, as after a crash."""
    return await _move(conn, tables, change_id, phase, who, status=Status.RUNNING)


async def done(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str) -> bool:
    """Move a phase to done: refused unless each step that the plan has for it is done in the journal."""
    return await _move(conn, tables, change_id, phase, who, status=Status.DONE)


async def fail(
    conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str, *, error: str
) -> bool:
    """Move a phase to failed, and keep why."""
    return await _move(conn, tables, change_id, phase, who, status=Status.FAILED, error=error)


async def undo(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str) -> bool:
    """Move a phase to undone: contract by `undo`, all of them by `rollback`."""
    return await _move(conn, tables, change_id, phase, who, status=Status.UNDONE)


async def _move(
    conn: AsyncConnection,
    tables: Tables,
    change_id: int,
    phase: Phase,
    who: str,
    *,
    status: Status,
    error: str | None = None,
) -> bool:
    moved = await conn.execute(moving(tables, change_id, phase, who, status=status, error=error))
    return moved.rowcount > 0


def moving(
    tables: Tables, change_id: int, phase: Phase, who: str, *, status: Status, error: str | None = None
) -> Insert:
    """Return the statement that moves a phase to `status`, unless it is there, and writes the event."""
    c = tables.phase.c
    attempt = select(tables.change.c.attempt).where(tables.change.c.id == change_id).scalar_subquery()
    where = (c.change_id == change_id, c.attempt == attempt, c.phase == phase, c.status != status)
    moved = update(tables.phase).where(*where).values(status=status, error=error).returning(c.attempt)
    row = moved.cte("moved")
    data: dict[str, Any] = {"phase": phase, "status": status}
    if error is not None:
        data["error"] = error
    told = literal(data, JSONB).op("||")(func.jsonb_build_object("attempt", row.c.attempt))
    return event.writing(tables, "phase", who, change_id, told, row)
