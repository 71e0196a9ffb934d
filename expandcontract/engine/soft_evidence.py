"""What is around a change that waits for contract: readers, sessions, standbys, instances of the application.

One query, however many changes there are, and none where no change is active.
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
    started = sorted({each.relation for each in situations if each.started})
    schema = context.tables.schema
    lookup = reader.around_lookup(schema, standbys=any(each.was_ready for each in situations))
    seen = await lookup.ask(conn, schema, started)
    watched = reader.watched(seen, situations)
    beside = sessions.by_table(seen["sessions"])
    standbys = replicas.found(seen.get("standbys", ()))
    return tuple(
        replace(each, sessions=tuple(beside[each.relation]), standbys=standbys) if each.was_ready else each
        for each in watched
    )
