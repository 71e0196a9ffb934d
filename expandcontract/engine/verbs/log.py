"""`ec log`."""

from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.ledger import reader
from expandcontract.ledger.reader import Conflict, LogEntry


async def read(context: Context, name: str, *, show_values: bool = False) -> tuple[LogEntry, ...]:
    """Return what happened to a change, oldest first, with the values that the ledger keeps for it.

    What those values are is left out without `show_values`. Raises UnknownChange.
    """
    await situations.one(context, name)
    async with context.database.transaction() as conn:
        entries = await reader.load_log(conn, context.tables, name)
        kept = await reader.conflicts(conn, context.tables, name)
    told = (_told(conflict, show_values=show_values) for conflict in kept)
    return tuple(sorted((*entries, *told), key=lambda entry: entry.at))


def _told(conflict: Conflict, *, show_values: bool) -> LogEntry:
    key = conflict.key
    if not isinstance(key, dict):
        key = {} if key is None else {"row": key}
    data = {f"row {column}": value for column, value in key.items()} | {"why": conflict.sentence}
    if show_values:
        data |= {"old": conflict.old_value, "new": conflict.new_value}
    return LogEntry(conflict.at, conflict.kind, conflict.role or "", data)
