"""The writer of `step`, the journal.

A transactional step writes `done` in its own transaction; the others `begin` first.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Double, case, cast, func, literal, literal_column
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from expandcontract.ledger.tables import Tables
from expandcontract.model.phases import Section
from expandcontract.model.situation import Situation
from expandcontract.model.step import Step

#: Sections that run again after an undo, under the number of the cycle.
CYCLIC = frozenset({Section.CONTRACT, Section.UNDO, Section.PURGE})
_KEY = ("change_id", "attempt", "cycle", "section", "step")


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
    await conn.execute(beginning(tables, entry))


def beginning(tables: Tables, entry: JournalEntry) -> Insert:
    """Return the statement that journals a step as begun, and as not done where it was."""
    now = func.clock_timestamp()
    again = {"attempts": tables.step.c.attempts + 1, "started_at": now, "finished_at": None, "seconds": None}
    return _writing(tables, entry, {"status": "started", "error": None}, again)


async def done(conn: AsyncConnection, tables: Tables, entry: JournalEntry, seconds: float) -> None:
    """Journal that a step is done, and how long it took."""
    await conn.execute(_ending(tables, entry, literal(seconds), {"status": "done", "error": None}))


async def fail(
    conn: AsyncConnection, tables: Tables, entry: JournalEntry, seconds: float, error: str
) -> None:
    """Journal that a step failed, and why."""
    await conn.execute(_ending(tables, entry, literal(seconds), {"status": "failed", "error": error}))


def ending(tables: Tables, entry: JournalEntry, seconds: float) -> Insert:
    """Return the statement that journals a step as done, for a transactional step in its own transaction.

    It took `seconds` until the message that this statement is part of arrived, and what the server has needed
    for it since.
    """
    since = func.extract("epoch", func.clock_timestamp() - func.statement_timestamp())
    return _ending(tables, entry, literal(seconds) + since, {"status": "done", "error": None})


def _ending(tables: Tables, entry: JournalEntry, taken: ColumnElement[Any], row: dict[str, Any]) -> Insert:
    step, now = tables.step.c, func.clock_timestamp()
    seconds = cast(taken, Double)
    started = now - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    begun = step.status == literal_column("'started'")
    # What did not begin in the journal was tried once more, from its first statement to this one.
    again = {
        "attempts": case((begun, step.attempts), else_=step.attempts + 1),
        "started_at": case((begun, step.started_at), else_=started),
    }
    row |= {"seconds": seconds, "finished_at": now}
    return _writing(tables, entry, row | {"started_at": started}, again)


def _writing(tables: Tables, entry: JournalEntry, row: dict[str, Any], again: dict[str, Any]) -> Insert:
    statement = insert(tables.step).values(
        asdict(entry) | {"attempts": 1, "started_at": func.clock_timestamp()} | row
    )
    return statement.on_conflict_do_update(index_elements=_KEY, set_=row | again)
