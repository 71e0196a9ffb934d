"""Looks at a database for monitoring: with few queries, and as a role that may do nothing but read."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from expandcontract import gates
from expandcontract.engine import situation as situations
from expandcontract.engine import state_words
from expandcontract.engine.context import Context
from expandcontract.ledger import migrate, summary, tally
from expandcontract.ledger.summary import Summary
from expandcontract.ledger.tally import Tally
from expandcontract.metrics.watched import WatchedChange, WatchedDatabase
from expandcontract.model.situation import Situation

#: A change that is purged, rolled back or finished leaves monitoring after this time.
LEAVES_AFTER = timedelta(days=1)


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
        every = await summary.read(conn, tables)
        watched = [each for each in every if _is_watched(each)]
        told = await tally.tallies(conn, tables, [each.id for each in watched])
    known = await situations.load(context, [each.name for each in watched]) if watched else ()
    changes = [_watched(each, None if told is None else told.get(each.change_id, Tally())) for each in known]
    words = {each.situation.name: each.state for each in changes}
    return changes, Counter(words.get(each.name, each.word) for each in every)


def _is_watched(change: Summary) -> bool:
    if change.word not in state_words.OVER or change.last_progress_at is None:
        return change.word not in state_words.OVER
    return datetime.now(UTC) - change.last_progress_at < LEAVES_AFTER


def _watched(situation: Situation, told: Tally | None) -> WatchedChange:
    verdicts = gates.judge_all(situation)
    return WatchedChange(situation, state_words.told(situation, verdicts).word, verdicts, told)
