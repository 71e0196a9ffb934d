"""Which trigger of the user does not let a batch be written, and for which row."""

import time
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.chunk import Chunk
from expandcontract.model.errors import StepFailed
from expandcontract.model.names import literal
from expandcontract.postgres import owner_rights
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.query import rows
from expandcontract.sweep.shift import Shift

#: A batch has no more rows, and nobody is to wait long for a name.
ROWS, SECONDS = 1_000, 3.0

_TRIGGERS = """
SELECT pg_catalog.quote_ident(t.tgname::pg_catalog.text), p.proname::pg_catalog.text, t.tgtype & 1 <> 0
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = $1::pg_catalog.oid AND NOT t.tgisinternal AND t.tgname !~ '^[~!]e[crs]_'
ORDER BY t.tgname
"""


async def named(shift: Shift, chunk: Chunk, first: int, end: int, error: StepFailed) -> StepFailed:
    """Return the error with the trigger that raised it and the key of a row for which it does, found by
    writing the rows of the blocks one by one and taking each back. An error that comes from no trigger of the
    user is returned as it is.
    """
    where = codes.context(error.__cause__)
    if not where:
        return error

    async def body(conn: AsyncConnection) -> tuple[list[tuple[Any, ...]], str]:
        standing = await rows(conn, _TRIGGERS, chunk.relation)
        # The server tells in which functions it was; their names are in no language.
        raising = [each for each in standing if f"{each[1]}(" in where]
        each_row = any(by_row for _, _, by_row in raising)
        return raising, await _key(conn, shift, chunk, (first, end)) if each_row else ""

    raising, key = await shift.transact(body)
    if not raising:
        return error
    name = shift.job.name
    who = " or ".join(f"{trigger} ({function})" for trigger, function, _ in raising)
    return StepFailed(
        f"Trigger {who} of {chunk.relation_name} does not let the copy go on: {error.message}",
        why=f"It raises for the row {key}." if key else "It fires for what the backfill writes.",
        state="What was written so far is in the ledger.",
        next=f"ec backfill {name} --no-user-triggers, or remove the cause and: ec backfill {name}",
    )


async def _key(conn: AsyncConnection, shift: Shift, chunk: Chunk, blocks: tuple[int, int]) -> str:
    """Return the key of the first row that cannot be written, or nothing where none is found in time."""
    action, began = shift.job.action, time.monotonic()
    listed = ", ".join(f"{literal(column)}, t.{column}" for column in action.key)
    key = f"pg_catalog.jsonb_build_object({listed})::pg_catalog.text" if listed else "t.ctid::pg_catalog.text"
    span = f"t.ctid >= '({blocks[0]},0)'::pg_catalog.tid AND t.ctid < '({blocks[1]},0)'::pg_catalog.tid"
    table = f"ONLY {chunk.relation_name} t"
    query = (
        f"SELECT t.ctid::pg_catalog.text, {key} FROM {table} WHERE {span} AND {action.wanted} LIMIT {ROWS}"
    )
    sets = ", ".join(f"{column} = {value}" for column, value in action.assignments)
    await conn.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    rights = await owner_rights.of(conn, chunk.relation_name)
    for place, told in await rights.rows(conn, query):
        if time.monotonic() - began > SECONDS:
            break
        savepoint = await conn.begin_nested()
        try:
            where = f"{literal(place)}::pg_catalog.tid"
            await rights.rows(conn, f"UPDATE {table} SET {sets} WHERE t.ctid = {where} RETURNING 1")
        except DBAPIError as error:
            if not codes.is_lock_failure(error):
                return str(told)
        finally:
            await savepoint.rollback()
    return ""
