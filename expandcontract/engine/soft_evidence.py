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
from expandcontract.postgres import replicas, scans, sessions


async def around(
    conn: AsyncConnection, context: Context, situations: Sequence[Situation]
) -> tuple[Situation, ...]:
    """Return the situations with what their soft gates look at."""
    if not any(each.state == State.ACTIVE and each.started for each in situations):
        return tuple(situations)
    started = sorted({each.relation for each in situations if each.started})
    schema = context.tables.schema
    lookup = reader.around_lookup(
        schema,
        standbys=any(each.was_ready for each in situations),
        reads=any(_goes(each) for each in situations),
    )
    seen = await lookup.ask(conn, schema, started)
    watched = reader.watched(seen, situations)
    beside = sessions.by_table(seen["sessions"])
    standbys = replicas.found(seen.get("standbys", ()))
    read = scans.by_table(seen.get("scans", ()))
    told = (
        replace(each, sessions=tuple(beside[each.relation]), standbys=standbys) if each.was_ready else each
        for each in watched
    )
    return tuple(replace(each, scans=read.get(each.relation)) if _goes(each) else each for each in told)


def _goes(situation: Situation) -> bool:
    """Whether contract will take the table itself."""
    plan = situation.plan
    return situation.state == State.ACTIVE and plan.aside is None and plan.final_table is not None
