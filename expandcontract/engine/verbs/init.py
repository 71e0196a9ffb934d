"""`ec init`."""

from expandcontract.engine.context import Context
from expandcontract.ledger import migrate


async def init(context: Context) -> tuple[str, ...]:
    """Create the ledger or bring it up to date; return the migrations that were applied, none the second
    time.
    """
    return await migrate.migrate(context.database)


def script(schema: str, owner: str, app: str) -> str:
    """Return the same as SQL for a DBA."""
    return migrate.script(schema, owner, app)
