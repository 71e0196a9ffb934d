"""The writer of `phase`, of the present attempt. Which move is allowed when stands in the ledger
(`phase_rule`).
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.model.durations import spell
from expandcontract.model.phases import Phase, Status
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import rows, run, value


async def open_all(conn: AsyncConnection, tables: Tables, change_id: int, attempt: int) -> None:
    """Add the five pending phases of an attempt."""
    rows = [
        {"change_id": change_id, "attempt": attempt, "phase": phase, "status": Status.PENDING}
        for phase in Phase
    ]
    # As one statement, not one for each row.
    await conn.execute(insert(tables.phase).values(rows))


async def begin(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str) -> bool:
    """Move a phase to running; return False when it was running already, as after a crash."""
    return await _move(conn, tables, change_id, phase, who, status=Status.RUNNING)


async def done(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase, who: str) -> float | None:
    """Move a phase to done: refused unless each step that the plan has for it is done in the journal.

    Returns how many seconds it took, by however many processes; None when it was done already.
    """
    moved = await run(conn, moving(tables, change_id, phase, who, status=Status.DONE))
    return float(moved[0][0]) if moved else None


async def taken(conn: AsyncConnection, tables: Tables, change_id: int, phase: Phase) -> float:
    """Return how many seconds a phase took that is done."""
    query = f"""SELECT extract(epoch FROM p.finished_at - p.started_at)::float8
        FROM {tables.qualified("phase")} p
        JOIN {tables.qualified("change")} c ON (c.id, c.attempt) = (p.change_id, p.attempt)
        WHERE c.id = $1 AND p.phase = $2"""
    return float(await value(conn, query, change_id, phase.value))


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
    return bool(await run(conn, moving(tables, change_id, phase, who, status=status, error=error)))


async def ask_soak(conn: AsyncConnection, tables: Tables, name: str, soak: timedelta, who: str) -> None:
    """Keep how long a change that is open has to be ready before contract, and write the event where that is
    another time than before.
    """
    asked = f"""UPDATE {tables.qualified("phase")} p SET soak_seconds = $2::float8
        FROM {tables.qualified("change")} c
        WHERE c.name = $1::text AND c.state = 'active' AND (p.change_id, p.attempt) = (c.id, c.attempt)
          AND p.phase = 'contract' AND p.soak_seconds IS DISTINCT FROM $2::float8
        RETURNING c.id"""
    seconds = soak.total_seconds()
    for (change_id,) in await rows(conn, asked, name, seconds):
        data = {"soak": spell(soak)}
        await event.write(conn, tables, "soak asked", who, change_id=change_id, data=data)


def moving(
    tables: Tables, change_id: int, phase: Phase, who: str, *, status: Status, error: str | None = None
) -> Query:
    """Return the statement that moves a phase to `status`, unless it is there, and writes the event. It
    returns a row when it moved: how many seconds have passed since it began, once it has ended.
    """
    moved = f"""UPDATE {tables.qualified("phase")} SET status = $5::text, error = $6::text
        WHERE change_id = $1::int8 AND phase = $7::text AND status <> $5::text
          AND attempt = (SELECT attempt FROM {tables.qualified("change")} WHERE id = $1::int8)
        RETURNING attempt, extract(epoch FROM finished_at - started_at)::float8 AS seconds"""
    data: dict[str, Any] = {"phase": phase, "status": status}
    if error is not None:
        data["error"] = error
    made = event.moving(tables, "phase", who, change_id, moved, data)
    return replace(made, values=(*made.values, status.value, error, phase.value))
