"""For which row a batch cannot be written, and which trigger of the user does not let it."""

import time
from collections.abc import Sequence
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
from expandcontract.sweep.statements import write

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
    writing half of the rows of the blocks, half of those, and so on, and taking each back.

    One that comes from no trigger of the user has the key alone, where expressions of the user are evaluated;
    of a pair it is returned as it is.
    """
    where, own = codes.context(error.__cause__) or "", not shift.job.action.new
    if not where and not own:
        return error

    async def body(conn: AsyncConnection) -> tuple[list[tuple[Any, ...]], str]:
        standing = await rows(conn, _TRIGGERS, chunk.relation)
        # The server tells in which functions it was; their names are in no language.
        raising = [each for each in standing if f"{each[1]}(" in where]
        each_row = any(by_row for _, _, by_row in raising) or (own and not raising)
        return raising, await _key(conn, shift, chunk, (first, end)) if each_row else ""

    raising, key = await shift.transact(body)
    if not raising and key:
        return StepFailed(error.message, why=f"{error.why} It is the row {key}.".strip(), state=error.state)
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
    await conn.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    rights, writing = await owner_rights.of(conn, chunk.relation_name), write(action, chunk.relation_name)

    async def fails(some: Sequence[tuple[Any, ...]]) -> bool:
        places = ", ".join(f"{literal(place)}::pg_catalog.tid" for place, _ in some)
        savepoint = await conn.begin_nested()
        try:
            await rights.rows(conn, f"{writing} WHERE t.ctid = ANY (ARRAY[{places}]) RETURNING 1")
        except DBAPIError as error:
            return not codes.is_lock_failure(error)
        finally:
            await savepoint.rollback()
        return False

    found = await rights.rows(conn, query)
    while len(found) > 1 and time.monotonic() - began < SECONDS:
        half = len(found) // 2
        found = found[:half] if await fails(found[:half]) else found[half:]
    return str(found[0][1]) if len(found) == 1 and await fails(found) else ""
