"""The writer of `watch` and `statement`: what the last look at pg_stat_statements showed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import mutex
from expandcontract.ledger.tables import Tables
from expandcontract.model.users import Source

#: Whoever looks needs it for a moment.
_PATIENCE = timedelta(seconds=10)
#: A standby has no ledger of its own, and a waiter may not write this one.
_MAY = """
SELECT NOT pg_catalog.pg_is_in_recovery()
   AND pg_catalog.has_schema_privilege($1, 'USAGE')
   AND pg_catalog.has_table_privilege($2, 'INSERT') AND pg_catalog.has_table_privilege($2, 'UPDATE')
   AND pg_catalog.has_table_privilege($3, 'INSERT') AND pg_catalog.has_table_privilege($3, 'UPDATE')
"""


@dataclass(frozen=True)
class StatisticsLook:
    """The last look at one change."""

    attempt: int
    source: Source
    at: datetime
    since: datetime
    was_reset: bool
    reset_at: datetime | None
    evictions: int
    evicted: int
    ready_wal: int | None


async def allowed(conn: AsyncConnection, tables: Tables) -> bool:
    """Whether this role may keep what it sees, in this server."""
    arguments = (tables.schema, tables.qualified("watch"), tables.qualified("statement"))
    return bool((await conn.exec_driver_sql(_MAY, arguments)).scalar_one())


async def lock(conn: AsyncConnection) -> None:
    """Wait for whoever looks now: counts are compared with those of the look before.

    Raises LockBudgetSpent.
    """
    await mutex.take(conn, "expandcontract.watch", 0, patience=_PATIENCE)


async def last(conn: AsyncConnection, tables: Tables) -> dict[int, StatisticsLook]:
    """Return the last look at each change."""
    found = (await conn.execute(select(tables.watch))).mappings()
    return {
        row["change_id"]: StatisticsLook(
            **{key: value for key, value in row.items() if key not in ("change_id", "source")},
            source=Source(row["source"]),
        )
        for row in found
    }


async def statements(conn: AsyncConnection, tables: Tables, change_id: int) -> list[Mapping[str, Any]]:
    """Return the rows of `statement` of a change."""
    query = select(tables.statement).where(tables.statement.c.change_id == change_id)
    return [dict(row) for row in (await conn.execute(query)).mappings()]


async def write(conn: AsyncConnection, tables: Tables, change_id: int, look: StatisticsLook) -> None:
    """Keep the look."""
    row = {**vars(look), "change_id": change_id}
    statement = insert(tables.watch).values(row)
    await conn.execute(statement.on_conflict_do_update(index_elements=["change_id"], set_=row))


async def write_statements(conn: AsyncConnection, tables: Tables, found: Iterable[Mapping[str, Any]]) -> None:
    """Keep statements as they are now, new ones and known ones."""
    table = tables.statement
    key = [column.name for column in table.primary_key]
    kept = insert(table)
    changed = {column.name: kept.excluded[column.name] for column in table.c if column.name not in key}
    upsert = kept.on_conflict_do_update(index_elements=key, set_=changed)
    if rows := [dict(row) for row in found]:
        await conn.execute(upsert, rows)


async def forget(conn: AsyncConnection, tables: Tables, change_id: int) -> None:
    """Begin anew: another attempt has another old side."""
    await conn.execute(delete(tables.statement).where(tables.statement.c.change_id == change_id))
