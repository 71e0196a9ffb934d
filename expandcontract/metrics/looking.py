"""Looks at a database for monitoring: with few queries, and as a role that may do nothing but read."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine import state_words
from expandcontract.engine.context import Context
from expandcontract.ledger import migrate, tally
from expandcontract.ledger.tally import Tally
from expandcontract.metrics.watched import WatchedChange, WatchedDatabase
from expandcontract.model.situation import Situation
from expandcontract.postgres.query import rows

#: A change that is purged, rolled back or finished leaves monitoring after this time.
LEAVES_AFTER = timedelta(days=1)

#: Every change with the word that it ends with, and whether it is watched still.
_CHANGES = """
SELECT id, name, pg_catalog.replace(state, '_', ' '),
    state IN ('active', 'hidden') OR (newest_step->>'since')::pg_catalog.timestamptz
        > pg_catalog.clock_timestamp() - $1::pg_catalog.interval
FROM {view} ORDER BY id
"""


async def look(context: Context, name: str) -> WatchedDatabase:
    """Return what the series of a database are made of; one without a ledger has no change.

    Args:
        context: of the database.
        name: what monitoring calls it.

    Raises NotConnected; LedgerTooNew, or LedgerMissing where the ledger is of an earlier version.
    """
    began = time.perf_counter()
    changes, states = await _changes(context)
    return WatchedDatabase(name, time.perf_counter() - began, changes, states)


async def _changes(context: Context) -> tuple[Sequence[WatchedChange], Mapping[str, int]]:
    tables = context.tables
    async with context.database.transaction() as conn:
        if not await migrate.version(conn, tables):
            return (), {}
        await migrate.check(conn, tables)
        found = await rows(conn, _CHANGES.format(view=tables.qualified("status_v1")), LEAVES_AFTER)
        watched = {change_id: name for change_id, name, _, is_watched in found if is_watched}
        told = await tally.tallies(conn, tables, [*watched])
    known = await situations.load(context, [*watched.values()]) if watched else ()
    changes = [_watched(each, None if told is None else told.get(each.change_id, Tally())) for each in known]
    words = {each.situation.name: each.state for each in changes}
    return changes, Counter(words.get(name, state) for _, name, state, _ in found)


def _watched(situation: Situation, told: Tally | None) -> WatchedChange:
    verdicts = gates.judge_all(situation)
    return WatchedChange(situation, state_words.told(situation, verdicts).word, verdicts, told)
