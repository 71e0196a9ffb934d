"""The writer of `purged`: what a purge takes from tables without rows, as statements that make it again."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import event
from expandcontract.ledger.tables import Tables
from expandcontract.model.names import RelationName
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import rows


def before(tables: Tables, change_id: int) -> Query:
    """Return the statement that keeps what stands, for the transaction that purges."""
    return Query(f"SELECT {tables.qualified('keep_standing')}($1)", (change_id,))


def after(tables: Tables, change_id: int) -> Query:
    """Return the statement that keeps what of that is gone."""
    return Query(f"SELECT {tables.qualified('keep_purged')}($1)", (change_id,))


async def statements(conn: AsyncConnection, tables: Tables, situation: Situation) -> tuple[str, ...] | None:
    """Return the statements that make again what was purged; None where nothing was kept."""
    query = f"""SELECT statements FROM {tables.qualified("purged")}
        WHERE change_id = $1 AND attempt = $2 AND cycle = $3 AND statements IS NOT NULL"""
    found = await rows(conn, query, situation.change_id, situation.attempt, situation.cycle)
    return tuple(found[0][0]) if found else None


def rebuilt(tables: Tables, change_id: int, table: RelationName, who: str) -> Query:
    """Return the statement that has a change hidden again, whose `table` may be another one by now, and
    writes the event.
    """
    moved = f"""UPDATE {tables.qualified("change")}
        SET state = $5::text, relation = coalesce(pg_catalog.to_regclass($6)::pg_catalog.oid, relation)
        WHERE id = $1::int8 AND state = 'purged' RETURNING state, NULL::float8 AS seconds"""
    made = event.moving(tables, "state", who, change_id, moved, {"rebuilt": True})
    return replace(made, values=(*made.values, State.HIDDEN.value, table.sql))
