"""The reader of all that the ledger keeps of one change, of each of its attempts: what a report is made of.

It asks the tables, in a constant number of queries, and nothing but the ledger: the table may be long gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import reader
from expandcontract.ledger.reader import LogEntry
from expandcontract.ledger.tables import Tables
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.model.plan import Plan, from_data
from expandcontract.model.step import Purpose

Row = TypeVar("Row")


@dataclass(frozen=True)
class PhaseRun:
    """A phase of an attempt, as it ran last."""

    attempt: int
    phase: Phase
    status: Status
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class StepRun:
    """A step of an attempt and cycle, as it ran last. What a failure said is left to the log."""

    attempt: int
    cycle: int
    section: Section
    step: str
    status: str
    attempts: int
    started_at: datetime
    seconds: float | None


@dataclass(frozen=True)
class RoundRun:
    """A round of a sweep. `seconds` is from its first lease to its last batch, whatever lay between."""

    attempt: int
    purpose: Purpose
    round: int
    blocks_done: int
    blocks_total: int
    rows: int
    mismatches: int
    hot_ratio: float | None
    seconds: float


@dataclass(frozen=True)
class Verification:
    """A comparison of all rows, and what it was bound to."""

    attempt: int
    cycle: int
    bound: Mapping[str, Any]
    bound_at: datetime
    finished_at: datetime | None
    rows_compared: int | None
    mismatches: int | None
    unfit: int | None
    spoiled_at: datetime | None
    spoiled_why: str | None


@dataclass(frozen=True)
class Opened:
    """A soft gate that somebody opened, why, and what was known then."""

    at: datetime
    gate: str
    who: str
    why: str
    known: str
    session_role: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Writer:
    """Who wrote through the old side while both were kept in sync."""

    application_name: str
    role: str
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True)
class KeptCount:
    """How many values of one kind the ledger keeps. Which ones is not told here."""

    kind: str
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class History:
    """A change with everything that happened to it. Times are the server's."""

    name: str
    kind: str
    state: State
    attempt: int
    cycle: int
    plan: Plan
    created_by: str
    created_from: str
    created_at: datetime
    hidden_at: datetime | None
    purged_at: datetime | None
    program_version: str
    system_identifier: int | None
    now: datetime
    phases: tuple[PhaseRun, ...]
    steps: tuple[StepRun, ...]
    rounds: tuple[RoundRun, ...]
    verifications: tuple[Verification, ...]
    opened: tuple[Opened, ...]
    writers: tuple[Writer, ...]
    kept: tuple[KeptCount, ...]
    events: tuple[LogEntry, ...]

    def events_of(self, kind: str) -> tuple[LogEntry, ...]:
        """Return the events of a kind, oldest first."""
        return tuple(event for event in self.events if event.kind == kind)


async def load(conn: AsyncConnection, tables: Tables, name: str) -> History | None:
    """Return the history of a change; None without one of that name."""
    change = tables.change
    query = select(change, func.clock_timestamp().label("now")).where(change.c.name == name)
    found = (await conn.execute(query)).mappings().one_or_none()
    if found is None:
        return None
    id_ = found["id"]
    phase, step, proof, waiver = tables.phase, tables.step, tables.proof, tables.waiver
    return History(
        **{key: found[key] for key in _OF_CHANGE},
        state=State(found["state"]),
        plan=from_data(found["plan"]),
        phases=await _all(conn, PhaseRun, _of(phase, id_).order_by(phase.c.attempt, phase.c.started_at)),
        steps=await _all(conn, StepRun, _of(step, id_).order_by(step.c.started_at)),
        rounds=await _rounds(conn, tables, id_),
        verifications=await _all(conn, Verification, _of(proof, id_).order_by(proof.c.id)),
        opened=await _all(conn, Opened, _of(waiver, id_).order_by(waiver.c.id)),
        writers=await _writers(conn, tables, id_),
        kept=await _kept(conn, tables, id_),
        events=await reader.events(conn, tables, name),
    )


_OF_CHANGE = (
    *("name", "kind", "attempt", "cycle", "created_by", "created_from", "created_at", "hidden_at"),
    *("purged_at", "program_version", "system_identifier", "now"),
)


def _of(table: Any, change_id: int) -> Select[Any]:  # noqa: ANN401 - a Table, whose columns mypy does not know
    return select(table).where(table.c.change_id == change_id)


async def _all(conn: AsyncConnection, kind: type[Row], query: Select[Any]) -> tuple[Row, ...]:
    return _made(kind, (await conn.execute(query)).mappings())


def _made(kind: type[Row], found: Iterable[Mapping[Any, Any]]) -> tuple[Row, ...]:
    """Return a record of each row that was found, of the columns that it has fields for."""
    types = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    return tuple(kind(**{name: _typed(row[name], type_) for name, type_ in types.items()}) for row in found)


def _typed(value: Any, type_: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    return type_(value) if isinstance(type_, type) and issubclass(type_, StrEnum) else value


async def _rounds(conn: AsyncConnection, tables: Tables, change_id: int) -> tuple[RoundRun, ...]:
    query = (
        "SELECT attempt, purpose, round, blocks_done, blocks_total, rows, mismatches, hot_ratio, seconds "
        f"FROM {tables.qualified('round')} WHERE change_id = $1 ORDER BY attempt, purpose, round"
    )
    return _made(RoundRun, (await conn.exec_driver_sql(query, (change_id,))).mappings())


async def _writers(conn: AsyncConnection, tables: Tables, change_id: int) -> tuple[Writer, ...]:
    c = tables.old_use.c
    last = func.max(c.at).label("last_seen")
    query = (
        select(
            *(c.application_name, c.role),
            *(func.min(c.at).label("first_seen"), last, func.count().label("times")),
        )
        .where(c.change_id == change_id, c.side == "old")
        .group_by(c.application_name, c.role)
        .order_by(last.desc())
    )
    return await _all(conn, Writer, query)


async def _kept(conn: AsyncConnection, tables: Tables, change_id: int) -> tuple[KeptCount, ...]:
    c = tables.conflict.c
    first = func.min(c.at).label("first")
    query = (
        select(c.kind, func.count().label("times"), first, func.max(c.at).label("last"))
        .where(c.change_id == change_id)
        .group_by(c.kind)
        .order_by(first)
    )
    return await _all(conn, KeptCount, query)
