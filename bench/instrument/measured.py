"""What a run costs: time, growth, WAL, and processor time of the server."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from instrument.copies import Subject
from instrument.machine import cpu_seconds
from instrument.methods import Way

if TYPE_CHECKING:
    import asyncpg

STATE = """
SELECT pg_relation_size('t') AS heap, pg_indexes_size('t') AS indexes, pg_current_wal_insert_lsn() AS lsn"""


@dataclass(frozen=True)
class Measured:
    """What one run cost.

    Growth is of what was there before, as a share. WAL is in bytes, processor time in microseconds, a row.
    """

    rows_per_second: float
    heap: float
    indexes: float | None
    wal: float
    hot: float | None
    cpu: float | None


async def measure(subject: Subject, way: Way) -> Measured:
    """Go that way, and say what it cost."""
    before, used = await _state(subject), cpu_seconds(subject.server)
    run = await way(subject)
    after, used_then = await _state(subject), cpu_seconds(subject.server)
    wal = await subject.raw.fetchval("SELECT $1::pg_lsn - $2::pg_lsn", after["lsn"], before["lsn"])
    return Measured(
        rows_per_second=run.rows / run.seconds,
        heap=after["heap"] / before["heap"] - 1,
        indexes=after["indexes"] / before["indexes"] - 1 if before["indexes"] else None,
        wal=float(wal) / run.rows,
        hot=run.hot,
        cpu=None if used is None or used_then is None else 1e6 * (used_then - used) / run.rows,
    )


async def _state(subject: Subject) -> "asyncpg.Record":
    rows: list[asyncpg.Record] = await subject.raw.fetch(STATE)
    return rows[0]
