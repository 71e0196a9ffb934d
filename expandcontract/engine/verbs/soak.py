"""What a revision asks of contract that the settings do not say: time between ready and contract."""

from collections.abc import Mapping
from datetime import timedelta

from expandcontract.engine.context import Context
from expandcontract.ledger import phase


async def ask(context: Context, soaks: Mapping[str, timedelta]) -> None:
    """Keep in the ledger how long changes, by their names, have to be ready before contract. From then on all
    who judge gates go by it. Of changes that are not open, or not known, nothing is kept.
    """
    if not soaks:
        return
    async with context.database.transaction() as conn:
        for name, soak in sorted(soaks.items()):
            await phase.ask_soak(conn, context.tables, name, soak, context.who)
