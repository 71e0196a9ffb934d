"""`ec log`."""

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.ledger import reader
from expandcontract.ledger.reader import LogEntry


async def read(context: Context, name: str) -> tuple[LogEntry, ...]:
    """Return what happened to a change, oldest first. Raises UnknownChange."""
    await situations.one(context, name)
    async with context.database.transaction() as conn:
        return await reader.load_log(conn, context.tables, name)
