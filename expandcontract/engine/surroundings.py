"""What is around a change that waits for contract: readers, sessions, standbys, instances of the application.

Four queries, however many changes there are, and none where no change is ready.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.ledger import reader
from expandcontract.model.phases import State
from expandcontract.model.situation import Situation
from expandcontract.postgres import replicas, sessions


async def around(
    conn: AsyncConnection, context: Context, situations: Sequence[Situation]
) -> tuple[Situation, ...]:
    """Return the situations with what their soft gates look at."""
    if not any(each.state == State.ACTIVE and each.started for each in situations):
        return tuple(situations)
    watched = await reader.watched(conn, context.tables, situations)
    ready = [each.relation for each in watched if each.settled]
    if not ready:
        return watched
    beside = await sessions.of_tables(conn, ready)
    standbys = await replicas.load(conn)
    return tuple(
        replace(each, sessions=tuple(beside[each.relation]), standbys=standbys) if each.settled else each
        for each in watched
    )
