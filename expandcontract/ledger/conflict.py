"""What `conflict` holds. The sync trigger writes it, through `note_conflict`, and the sweep before a
rollback and in a repair.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables


class ConflictKind(StrEnum):
    """Why a value is kept."""

    #: A write gave both sides and they disagreed; the new side won.
    BOTH_WRITTEN = "both written"
    #: The other side cannot hold the value (policy `record`). Contract stays shut.
    DOES_NOT_FIT = "does not fit"
    #: After contract: the hidden old side could not hold what the new side got, and undo would lose it.
    NOT_HELD = "not held by the hidden side"
    #: Only the new side held the value when it was rolled back.
    ONLY_NEW = "kept"
    #: The sides had drifted apart without the sync trigger; a repair filled the new side from the old one.
    OVERWRITTEN = "overwritten"


@dataclass(frozen=True)
class Value:
    """A value that the ledger keeps. `key` names its row, by the columns of the primary key."""

    id: int
    at: datetime
    kind: str
    key: Any
    old_value: str | None
    new_value: str | None
    application_name: str | None
    role: str | None
    sentence: str | None


#: This many are read at once.
_PAGE = 1000


async def counts(conn: AsyncConnection, tables: Tables, change_id: int) -> dict[str, int]:
    """Return how many values of each kind are kept."""
    c = tables.conflict.c
    query = (
        select(c.kind, func.count().label("number"))
        .where(c.change_id == change_id)
        .group_by(c.kind)
        .order_by(c.kind)
    )
    return {row.kind: row.number for row in await conn.execute(query)}


async def newest(conn: AsyncConnection, tables: Tables, change_id: int, number: int) -> tuple[Value, ...]:
    """Return the values that were kept last, oldest first."""
    found = [value async for value in _pages(conn, tables, change_id, None, number)]
    return tuple(reversed(found))


async def every(
    conn: AsyncConnection, tables: Tables, change_id: int, kind: ConflictKind | None = None
) -> AsyncIterator[Value]:
    """Yield the values of a kind, or all, newest first, without having all of them in memory."""
    async for value in _pages(conn, tables, change_id, kind, None):
        yield value


async def _pages(
    conn: AsyncConnection, tables: Tables, change_id: int, kind: ConflictKind | None, number: int | None
) -> AsyncIterator[Value]:
    c = tables.conflict.c
    columns = (c.id, c.at, c.kind, c.key, c.old_value, c.new_value, c.application_name, c.role, c.sentence)
    query = select(*columns).where(c.change_id == change_id).order_by(c.id.desc())
    if kind is not None:
        query = query.where(c.kind == kind.value)
    below: int | None = None
    while True:
        page = query if below is None else query.where(c.id < below)
        read = (await conn.execute(page.limit(min(number or _PAGE, _PAGE)))).all()
        for row in read:
            yield Value(*row)
        if len(read) < _PAGE or number is not None:
            return
        below = read[-1].id
