"""Looking who still uses the old side: what pg_stat_statements counts, compared with the look before.

A look writes no more than what changed, holds no lock on the application's tables, and never makes its verb
fail: what could not be seen is not seen, and the gate `old-readers` says so.
"""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.engine.context import Context
from expandcontract.ledger import statistics_look
from expandcontract.ledger.statistics_look import StatisticsLook
from expandcontract.model import sql_words
from expandcontract.model.errors import EcError
from expandcontract.model.phases import Phase, State, Status
from expandcontract.model.situation import Situation
from expandcontract.model.users import Source
from expandcontract.postgres import statements, usage
from expandcontract.postgres.statements import StatementEntry, StatementStatistics
from expandcontract.postgres.usage import NamedSide, WantedSide

StatementRow: TypeAlias = dict[str, Any]

STATEMENT_TIMEOUT = timedelta(seconds=2)
#: For this long statements are analysed in one look; the words of the rest decide until the next one.
ANALYSIS_SECONDS = 0.5
#: This much of a text is kept.
MOST_CHARACTERS = 1000


@dataclass(frozen=True)
class _Subject:
    """A change that is looked at, its old side, and how it was at the last look."""

    situation: Situation
    old: NamedSide
    before: StatisticsLook | None

    @property
    def signature(self) -> str:
        """What a judgement rests on: other tables or views over the column judge anew."""
        known = (sorted(self.old.sites), sorted(self.old.views.items()), self.old.columns)
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


async def look(
    context: Context, situations: Sequence[Situation], older_than: timedelta = timedelta(0)
) -> bool:
    """Look once for each change that is between dual_write and contract, and keep what was seen.

    Changes whose last look is not `older_than` are left out. Returns whether anything was kept: then the
    situations are of before.
    """
    wanted = [each for each in situations if _is_watched(each) and not _is_fresh(each, older_than)]
    if not wanted:
        return False
    try:
        async with context.database.transaction(statement_timeout=STATEMENT_TIMEOUT) as conn:
            if not await statistics_look.allowed(conn, context.tables):
                return False
            return await _look(conn, context, wanted)
    except (DBAPIError, EcError):
        return False


def _is_watched(situation: Situation) -> bool:
    """From dual_write on until contract: before, everybody is old, and afterwards nobody can be."""
    begun = situation.phases[Phase.DUAL_WRITE].status == Status.DONE
    return situation.state == State.ACTIVE and begun and bool(situation.plan.old_side)


def _is_fresh(situation: Situation, older_than: timedelta) -> bool:
    return situation.watch is not None and situation.now - situation.watch.at < older_than


async def _look(conn: AsyncConnection, context: Context, wanted: Sequence[Situation]) -> bool:
    await statistics_look.lock(conn)
    before = await statistics_look.last(conn, context.tables)
    asked = [_asked(each) for each in wanted]
    subjects = [
        _Subject(each, _without_followers(each, old), _of_attempt(before.get(each.change_id), each))
        for each, old in zip(wanted, await usage.sides(conn, asked), strict=True)
    ]
    names = {name for subject in subjects for name in subject.old.names}
    seen = await statements.read(conn, names)
    deadline = time.monotonic() + ANALYSIS_SECONDS
    kept = False
    for subject in subjects:
        kept |= await _keep(conn, context, subject, seen, deadline)
    return kept


def _asked(situation: Situation) -> WantedSide:
    """Pure. Old code may know the table by a view that stands for it; without a column it is the table that
    goes.
    """
    plan = situation.plan
    front = plan.table.sql if plan.aside is not None else None
    return WantedSide(plan.table.schema, situation.relation, plan.old_columns, front)


def _without_followers(situation: Situation, old: NamedSide) -> NamedSide:
    """Pure. Who uses a view that contract has read the new side goes on, and so do those above it."""
    return replace(old, views={}) if situation.plan.follows else old


def _of_attempt(found: StatisticsLook | None, situation: Situation) -> StatisticsLook | None:
    return found if found is not None and found.attempt == situation.attempt else None


async def _keep(
    conn: AsyncConnection,
    context: Context,
    subject: _Subject,
    seen: StatementStatistics,
    deadline: float,
) -> bool:
    situation, before = subject.situation, subject.before
    now = _now(subject, seen)
    if before is not None and _says_nothing_new(before, now):
        return False
    if before is None:
        await statistics_look.forget(conn, context.tables, situation.change_id)
    await statistics_look.write(conn, context.tables, situation.change_id, now)
    if seen.source == Source.READ and not situation.plan.swap:
        known = await statistics_look.statements(conn, context.tables, situation.change_id)
        changed = _counted(subject, seen, known)
        judged = await _judge(conn, context, subject, changed, seen.at, deadline)
        await statistics_look.write_statements(conn, context.tables, judged)
    return True


def _now(subject: _Subject, seen: StatementStatistics) -> StatisticsLook:
    """Pure. Return the look of now, with since when there is no gap."""
    before, situation = subject.before, subject.situation
    ready_wal = before.ready_wal if before else None
    if ready_wal is None and situation.was_ready:
        ready_wal = seen.wal
    fresh = StatisticsLook(
        attempt=situation.attempt,
        source=seen.source,
        at=seen.at,
        since=seen.at,
        was_reset=False,
        reset_at=seen.reset_at,
        evictions=seen.evictions,
        evicted=0,
        ready_wal=ready_wal,
    )
    if before is not None and seen.source == Source.HIDDEN:
        # Another role may have seen more.
        return replace(before, ready_wal=ready_wal)
    if before is None or before.source != Source.READ or seen.source != Source.READ:
        return fresh
    if _was_reset(before, seen):
        # From the reset on everything is counted; what ran between the look before and the reset is not.
        return replace(fresh, since=seen.reset_at or seen.at, was_reset=True)
    evicted = before.evicted + seen.evictions - before.evictions
    return replace(fresh, since=before.since, was_reset=before.was_reset, evicted=evicted)


def _was_reset(before: StatisticsLook, seen: StatementStatistics) -> bool:
    """Pure. A crash of the server loses the statistics, too, and begins them anew."""
    return seen.reset_at != before.reset_at or seen.evictions < before.evictions


def _says_nothing_new(before: StatisticsLook, now: StatisticsLook) -> bool:
    """Pure. Without statistics every look is like the one before."""
    return now == before or (
        now.source != Source.READ and replace(now, at=before.at, since=before.since) == before
    )


def _counted(
    subject: _Subject, seen: StatementStatistics, known: Sequence[Mapping[str, Any]]
) -> list[tuple[StatementRow, StatementEntry | None, int]]:
    """Pure. Return the statements whose counts are others than at the look before, with their new calls.

    One that is not counted any more has no entry: when it comes back, it begins at zero.
    """
    before = subject.before
    first = before is None or before.source != Source.READ
    anew = before is not None and not first and _was_reset(before, seen)
    rows = {(row["role_oid"], row["query_id"], row["toplevel"]): dict(row) for row in known}
    found: list[tuple[StatementRow, StatementEntry | None, int]] = []
    for entry in _candidates(seen.entries, subject.old.names):
        row = rows.pop(entry.key, None)
        counted = 0 if row is None or anew or row["calls"] > entry.calls else row["calls"]
        calls = 0 if first else entry.calls - counted
        if row is None or calls or row["calls"] != entry.calls:
            found.append((_row(subject, entry, row), entry, calls))
    return found + [({**row, "calls": 0}, None, 0) for row in rows.values() if row["calls"]]


def _candidates(entries: Collection[StatementEntry], names: frozenset[str]) -> list[StatementEntry]:
    return [entry for entry in entries if _may_use(sql_words.tokens(entry.query), names)]


def _may_use(words: list[str], names: frozenset[str]) -> bool:
    return not names.isdisjoint(words) and sql_words.may_use_rows(words)


def _row(subject: _Subject, entry: StatementEntry, row: StatementRow | None) -> StatementRow:
    fresh = {
        "change_id": subject.situation.change_id,
        "role_oid": entry.role_oid,
        "query_id": entry.query_id,
        "toplevel": entry.toplevel,
        "query": "" if subject.situation.policy.confidential else entry.query[:MOST_CHARACTERS],
        "uses": None,
        "by_name": False,
        "through": None,
        "judged_under": None,
        "times": 0,
        "first_seen": None,
        "seen_after": None,
        "last_seen": None,
    }
    return {**fresh, **(row or {}), "role": entry.role, "calls": entry.calls}


async def _judge(
    conn: AsyncConnection,
    context: Context,
    subject: _Subject,
    changed: Sequence[tuple[StatementRow, StatementEntry | None, int]],
    at: datetime,
    deadline: float,
) -> list[StatementRow]:
    """Judge the statements that were called, each once as long as the same tables and views are there."""
    rows = []
    for row, entry, calls in changed:
        if entry is not None and calls and row["judged_under"] != subject.signature:
            row.update(await _usage(conn, context, subject, entry, deadline))
        rows.append(_used(row, calls, subject.before, at) if row["uses"] and calls else row)
    return rows


async def _usage(
    conn: AsyncConnection, context: Context, subject: _Subject, entry: StatementEntry, deadline: float
) -> StatementRow:
    late = time.monotonic() > deadline
    if late:
        found = usage.by_name(sql_words.tokens(entry.query), subject.old)
    else:
        found = await usage.analysed(conn, context.tables.schema, entry, subject.old)
    return {**vars(found), "judged_under": None if late else subject.signature}


def _used(row: StatementRow, calls: int, before: StatisticsLook | None, at: datetime) -> StatementRow:
    """Pure. Note calls of a statement that uses the old side, between two looks."""
    return {
        **row,
        "times": row["times"] + calls,
        "first_seen": row["first_seen"] or at,
        "seen_after": before.at if before else at,
        "last_seen": at,
    }
