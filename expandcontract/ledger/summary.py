"""The reader of the view summary_v1: changes in a word, without plans, proofs or a look at the catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger.tables import Tables


@dataclass(frozen=True)
class Summary:
    """One change. `word` is one of those of `StateWord`; `blocked` has kind, since and detail, or is None.

    `rows` and blocks are those of the sweep that is under way, or else of the copy. `rows_per_second`,
    `eta_seconds` and `throttled_by` are None while nobody works. `ready`, and the words from ready to
    contract, rest on what the gates said at `gates_at`, when somebody asked them last: `gates` are
    `{gate, hard, open, blind, reason}`, None where nobody did.
    """

    id: int
    name: str
    kind: str
    table_name: str
    word: str
    phase: str
    ready: bool
    blocks_done: int | None
    blocks_total: int | None
    rows: int | None
    rows_per_second: float | None
    eta_seconds: float | None
    blocked: Mapping[str, Any] | None
    last_progress_at: datetime | None
    workers: int
    state: str
    throttled_by: str | None
    paused: bool
    gates: Sequence[Mapping[str, Any]] | None
    gates_at: datetime | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class Sample:
    """How a sweep went in 30 seconds that began `at`. `reading` and `threshold` are of `throttle`, the signal
    that was used up most, in `unit`.
    """

    at: datetime
    purpose: str
    rows: int
    blocks_done: int
    blocks_total: int
    rows_per_second: float | None
    batch: int | None
    hot_ratio: float | None
    throttled_by: str | None
    throttle: str | None
    reading: float | None
    threshold: float | None
    unit: str | None
    lag_seconds: float | None


async def read(
    conn: AsyncConnection, tables: Tables, names: Sequence[str] | None = None
) -> tuple[Summary, ...]:
    """Return the changes of those names, or all, oldest first. One query; SELECT on summary_v1 is enough."""
    c = tables.summary_v1.c
    query = select(*(c[field] for field in Summary.__dataclass_fields__)).order_by(c.id)
    found = await conn.execute(query if names is None else query.where(c.name.in_(names)))
    return tuple(Summary(*row) for row in found)


async def samples(
    conn: AsyncConnection, tables: Tables, name: str, since: datetime | None = None
) -> tuple[Sample, ...]:
    """Return the samples of a change since a moment, or all, oldest first. SELECT on sample_v1 is enough."""
    c = tables.sample_v1.c
    query = select(*(c[field] for field in Sample.__dataclass_fields__)).where(c.name == name).order_by(c.at)
    found = await conn.execute(query if since is None else query.where(c.at >= since))
    return tuple(Sample(*row) for row in found)
