"""The writer of `event`: what happened, to be told by `ec log`. Append-only."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import FromClause, Insert, cast, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from expandcontract.ledger.tables import Tables


async def write(
    conn: AsyncConnection,
    tables: Tables,
    kind: str,
    who: str,
    *,
    change_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    once: bool = False,
) -> None:
    """Add an event. `data` is JSON-ready; without `change_id` the event is the ledger's own. `once`: unless
    the change's last one of the kind says the same.
    """
    row = {"change_id": change_id, "kind": kind, "who": who, "data": dict(data or {})}
    if not once:
        await conn.execute(insert(tables.event).values(row))
        return
    c, said = tables.event.c, cast(literal(row["data"], JSONB), JSONB)
    last = select(c.data).where(c.change_id == change_id, c.kind == kind).order_by(c.id.desc()).limit(1)
    new = select(literal(change_id), literal(kind), literal(who), said).where(
        last.scalar_subquery().is_distinct_from(said)
    )
    await conn.execute(insert(tables.event).from_select(list(row), new))


def writing(
    tables: Tables, kind: str, who: str, change_id: int, data: ColumnElement[Any], source: FromClause
) -> Insert:
    """Return the statement that adds one event for each row of `source`, with `data` made of it."""
    row = select(literal(change_id), literal(kind), literal(who), data.cast(JSONB)).select_from(source)
    return insert(tables.event).from_select(["change_id", "kind", "who", "data"], row)
