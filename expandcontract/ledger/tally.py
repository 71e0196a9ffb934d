"""What the history of changes comes to: locks, and the time that sweeps were held back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.postgres.query import rows, value


@dataclass(frozen=True)
class Tally:
    """What the ledger's history of a change comes to, over all of its attempts.

    `locks_taken` were had, `locks_missed` are tries that were given up after lock_timeout. `held_seconds` and
    `felt_seconds` are the longest that a lock was held, and that others waited behind one or behind a try.
    `throttled_seconds` is the time that a sweep was held back, by the throttle's name.
    """

    locks_taken: int = 0
    locks_missed: int = 0
    held_seconds: float = 0.0
    felt_seconds: float = 0.0
    throttled_seconds: Mapping[str, float] = field(default_factory=dict)


async def tallies(conn: AsyncConnection, tables: Tables, ids: Sequence[int]) -> Mapping[int, Tally] | None:
    """Return the tally of each of the changes; None where the role may not read the ledger's history."""
    event = tables.qualified("event")
    if not await value(conn, "SELECT pg_catalog.has_table_privilege($1, 'SELECT')", event):
        return None
    return {
        change_id: Tally(*found)
        for change_id, *found in await rows(conn, _QUERY.format(event=event), list(ids))
    }


#: A try that was given up is one of `tries`, of which the last one got the lock where the event is `locked`.
_QUERY = """
WITH told AS (
    SELECT change_id, kind, data->>'by' AS by, (data->>'seconds')::pg_catalog.float8 AS seconds,
        (data->>'tries')::pg_catalog.int8 AS tries, (data->>'held_seconds')::pg_catalog.float8 AS held,
        (data->>'felt_seconds')::pg_catalog.float8 AS felt
    FROM {event}
    WHERE change_id = ANY ($1::pg_catalog.int8[]) AND kind IN ('locked', 'not locked', 'throttled')
), throttled AS (
    SELECT change_id, pg_catalog.jsonb_object_agg(by, seconds) AS seconds
    FROM (SELECT change_id, by, sum(seconds) AS seconds FROM told WHERE kind = 'throttled' GROUP BY 1, 2) each
    GROUP BY 1
)
SELECT change_id, count(*) FILTER (WHERE kind = 'locked'),
    coalesce(sum(tries) - count(*) FILTER (WHERE kind = 'locked'), 0)::pg_catalog.int8,
    coalesce(max(held), 0), coalesce(max(felt), 0),
    coalesce((SELECT t.seconds FROM throttled t WHERE t.change_id = told.change_id), '{{}}')
FROM told GROUP BY change_id
"""
