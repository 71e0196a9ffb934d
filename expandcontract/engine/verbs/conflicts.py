"""`ec conflicts`: the values that the ledger keeps because a side lost them, or could not hold them."""

from collections.abc import Callable
from dataclasses import dataclass

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.ledger import conflict
from expandcontract.ledger.conflict import ConflictKind, Value

#: This many are listed.
LISTED = 20


@dataclass(frozen=True)
class KeptValues:
    """How many values of each kind are kept for a change, and the last of them."""

    change: str
    counts: dict[str, int]
    newest: tuple[Value, ...]


async def look(context: Context, name: str) -> KeptValues:
    """Return what is kept. Raises UnknownChange."""
    situation = await situations.one(context, name)
    async with context.database.transaction() as conn:
        counts = await conflict.counts(conn, context.tables, situation.change_id)
        newest = await conflict.newest(conn, context.tables, situation.change_id, LISTED)
    return KeptValues(name, counts, newest)


async def export(
    context: Context, name: str, sink: Callable[[Value], None], kind: ConflictKind | None = None
) -> int:
    """Hand every value of a kind, or all, to `sink`, newest first; return how many. Raises UnknownChange."""
    situation = await situations.one(context, name)
    number = 0
    async with context.database.transaction() as conn:
        async for value in conflict.every(conn, context.tables, situation.change_id, kind):
            context.check_stop(name)
            sink(value)
            number += 1
    return number
