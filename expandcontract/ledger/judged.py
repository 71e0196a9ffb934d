"""The writer of `judged`: what whoever asked the gates last was told, for who looks at the ledger alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables

#: A standby has no ledger of its own, and a waiter may not write this one.
_MAY = """
SELECT NOT pg_catalog.pg_is_in_recovery() AND pg_catalog.has_schema_privilege($1, 'USAGE')
   AND pg_catalog.has_table_privilege($2, 'INSERT') AND pg_catalog.has_table_privilege($2, 'UPDATE')
"""


async def allowed(conn: AsyncConnection, tables: Tables) -> bool:
    """Whether this role may keep what it was told, in this server."""
    return bool((await conn.exec_driver_sql(_MAY, (tables.schema, tables.qualified("judged")))).scalar_one())


async def write(
    conn: AsyncConnection,
    tables: Tables,
    change_id: int,
    *,
    attempt: int,
    cycle: int,
    gates: Sequence[Mapping[str, Any]],
    damage: Sequence[str],
    undo_until: datetime | None,
) -> None:
    """Keep it in place of what was told before."""
    row = {
        "attempt": attempt,
        "cycle": cycle,
        "at": func.clock_timestamp(),
        "gates": list(gates),
        "damage": list(damage),
        "undo_until": undo_until,
    }
    fresh = insert(tables.judged).values(row | {"change_id": change_id})
    await conn.execute(fresh.on_conflict_do_update(index_elements=["change_id"], set_=row))
