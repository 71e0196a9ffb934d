"""The writer of `step`, the journal.

A transactional step writes `done` in its own transaction; the others `begin` first.
"""

from dataclasses import dataclass

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables
from expandcontract.model.phases import Section
from expandcontract.model.situation import Situation
from expandcontract.model.step import Step
from expandcontract.postgres.message import Query
from expandcontract.postgres.query import run

#: Sections that run again after an undo, under the number of the cycle.
CYCLIC = frozenset({Section.CONTRACT, Section.UNDO, Section.PURGE})


@dataclass(frozen=True)
class JournalEntry:
    """Which step of which run of a change."""

    change_id: int
    attempt: int
    cycle: int
    section: Section
    step: str


def entry(situation: Situation, section: Section, step: Step) -> JournalEntry:
    """Return the journal's entry for a step of the present attempt and cycle."""
    cycle = situation.cycle if section in CYCLIC else 0
    return JournalEntry(situation.change_id, situation.attempt, cycle, section, step.id)


async def begin(conn: AsyncConnection, tables: Tables, entry: JournalEntry) -> None:
    """Journal that a step starts; each time counts as an attempt."""
    await run(conn, beginning(tables, entry))


def beginning(tables: Tables, entry: JournalEntry) -> Query:
    """Return the statement that journals a step as begun, and as not done where it was."""
    return _writing(tables, entry, "started", _AGAIN)


async def done(conn: AsyncConnection, tables: Tables, entry: JournalEntry, seconds: float) -> None:
    """Journal that a step is done, and how long it took."""
    await run(conn, _writing(tables, entry, "done", _TRIED, seconds))


async def found(conn: AsyncConnection, tables: Tables, entry: JournalEntry) -> None:
    """Journal a step that was never begun as done without a try: somebody else had done the very same."""
    await run(conn, _writing(tables, entry, "done", _TRIED, 0.0, tries=0))


async def all_begun(
    conn: AsyncConnection, tables: Tables, situation: Situation, *, tried: bool
) -> set[tuple[str, str]]:
    """Return the section and name of each step of the present attempt, and cycle, that the journal knows;
    where only those that were `tried` are wanted, without what was found done by somebody else.
    """
    step = tables.step.c
    cycle = case((step.section.in_(CYCLIC), situation.cycle), else_=0)
    where = (step.change_id == situation.change_id, step.attempt == situation.attempt, step.cycle == cycle)
    rows = await conn.execute(select(step.section, step.step).where(*where, step.attempts >= int(tried)))
    return {(section, name) for section, name in rows}


async def fail(
    conn: AsyncConnection, tables: Tables, entry: JournalEntry, seconds: float, error: str
) -> None:
    """Journal that a step failed, and why."""
    await run(conn, _writing(tables, entry, "failed", _TRIED, seconds, error))


def ending(tables: Tables, entry: JournalEntry, seconds: float) -> Query:
    """Return the statement that journals a step as done, for a transactional step in its own transaction.

    It took `seconds` until the message that this statement is part of arrived, and what the server has needed
    for it since.
    """
    return _writing(tables, entry, "done", _TRIED, seconds, since=_SINCE)


_AGAIN = "attempts = s.attempts + 1, started_at = excluded.started_at"
#: What did not begin in the journal was tried once more, from its first statement to this one.
_TRIED = """attempts = CASE WHEN s.status = 'started' THEN s.attempts ELSE s.attempts + 1 END,
    started_at = CASE WHEN s.status = 'started' THEN s.started_at ELSE excluded.started_at END"""
#: Since the message arrived.
_SINCE = " + extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp())::float8"
_KEY = "change_id, attempt, cycle, section, step"
_ENTRY = "$1::int8, $2::int4, $3::int4, $4::text, $5::text"


def _writing(
    tables: Tables,
    entry: JournalEntry,
    status: str,
    again: str,
    seconds: float | None = None,
    error: str | None = None,
    *,
    since: str = "",
    tries: int = 1,
) -> Query:
    """Return the statement that writes an entry, which has ended where it took some `seconds`. `again` is
    what becomes of the times and the number of tries of one that is there.
    """
    sql = f"""
INSERT INTO {tables.qualified("step")} AS s
    ({_KEY}, status, error, attempts, started_at, finished_at, seconds)
SELECT {_ENTRY}, $6::text, $7::text, {tries},
    pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => coalesce(taken.seconds, 0)),
    CASE WHEN taken.seconds IS NOT NULL THEN pg_catalog.clock_timestamp() END, taken.seconds
FROM (SELECT $8::float8{since} AS seconds) taken
ON CONFLICT ({_KEY}) DO UPDATE SET status = excluded.status, error = excluded.error,
    finished_at = excluded.finished_at, seconds = excluded.seconds, {again}"""
    values = (entry.change_id, entry.attempt, entry.cycle, entry.section.value, entry.step)
    return Query(sql, (*values, status, error, seconds))
