"""The writer of what processes say of a walk's pace. Its sums are kept by triggers on `chunk`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Interval, and_, case, func, literal_column, update
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.chunk import Round
from expandcontract.ledger.tables import Tables
from expandcontract.model.events import Progress

#: How long who is at work is silent at most.
_SILENCE = literal_column("INTERVAL '1 minute'", Interval)


async def say(
    conn: AsyncConnection,
    tables: Tables,
    round_: Round,
    progress: Progress,
    pressed: Mapping[str, Any] | None = None,
) -> None:
    """Keep the pace that a process measures, for whoever looks from elsewhere; the last one to speak counts.

    It is forgotten after ten seconds of silence (see the view `round`). After longer than a lease, nobody was
    at work: that time does not count.

    Each 30 seconds the server keeps a sample of it, with `pressed`: the signal that is used up most
    (throttle, reading, threshold, unit), and lag_seconds of the standby that is most behind.
    """
    walk = tables.walk
    silence = func.clock_timestamp() - walk.c.said_at
    mine = and_(
        walk.c.change_id == round_.change_id,
        walk.c.attempt == round_.attempt,
        walk.c.purpose == round_.purpose.value,
        walk.c.round == round_.number,
    )
    said = {
        "said_at": func.clock_timestamp(),
        "idle": walk.c.idle
        + case((silence > _SILENCE, silence), else_=literal_column("INTERVAL '0'", Interval)),
        "rows_per_second": progress.rows_per_second,
        "eta_seconds": progress.eta_seconds,
        "batch": progress.batch or None,
        "throttled_by": progress.throttled_by,
        "said": {
            "rows": progress.rows,
            "blocks_done": progress.blocks_done,
            "blocks_total": progress.blocks_total,
            "hot_ratio": progress.hot_ratio,
            **(pressed or {}),
        },
    }
    await conn.execute(update(walk).where(mine).values(**said))
