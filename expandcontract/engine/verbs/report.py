"""`ec report`."""

from collections.abc import Mapping

from expandcontract.engine import plan_files
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.ledger import history, migrate
from expandcontract.ledger.history import History


async def read(context: Context, name: str) -> tuple[History, Mapping[str, str]]:
    """Return all that the ledger keeps of a change, and its plan's SQL by section. Raises UnknownChange."""
    async with context.database.transaction() as conn:
        await migrate.check(conn, context.tables)
        found = await history.load(conn, context.tables, name)
    if found is None:
        raise await situations.unknown(context, name)
    return found, plan_files.render(found.plan, context.database.ledger_schema)
