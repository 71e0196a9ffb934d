"""What the sync trigger costs a write.

A table with a change that is ready, rewritten so that pages have room for HOT updates. Each write runs with
the trigger and without it (dropped in its transaction), three times each, rolled back; the best counts.
"""

import io
import tempfile
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from expandcontract.testing.operator import Operator
from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import Session, session

Write: TypeAlias = Callable[[Session, int], Awaitable[object]]

TIMES = 3
TABLE = """
CREATE TABLE users (id bigint PRIMARY KEY, name text, email text, note int DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO users SELECT g, 'user number ' || g, 'u' || g || '@example.com' FROM generate_series(1, {rows}) g
"""
DROP_TRIGGER = 'DROP TRIGGER "~ec_0001_rename_users_name" ON users'


@dataclass(frozen=True)
class Cost:
    """The best time and the WAL of a write, for each row."""

    microseconds: float
    wal_bytes: float


async def _unrelated(session: Session, _rows: int) -> None:
    await session.execute("UPDATE users SET note = note + 1")


async def _old_side(session: Session, _rows: int) -> None:
    await session.execute("UPDATE users SET name = name || '.'")


async def _copy(session: Session, rows: int) -> None:
    lines = "".join(f"{rows + n}\tuser number {n}\tu{n}@example.com\n" for n in range(1, rows + 1))
    columns = ["id", "name", "email"]
    await session.copy_to_table("users", source=io.BytesIO(lines.encode()), columns=columns)


WRITES: dict[str, Write] = {
    "UPDATE of another column": _unrelated,
    "UPDATE of the old column": _old_side,
    "COPY of the old column": _copy,
}


async def run(server: Server, told: Namespace) -> str:
    """Bring a change to ready, and measure both ways."""
    async with session(server.url()) as admin:
        await admin.execute("CREATE DATABASE writes")
    async with session(server.url("writes")) as raw:
        await raw.execute(TABLE.format(rows=told.rows))
        with tempfile.TemporaryDirectory() as folder:
            await _make_ready(Operator(Path(folder), server.url("writes")))
        await raw.execute("VACUUM FULL users")
        costs = [(name, await _both(raw, write, told.rows)) for name, write in WRITES.items()]
    head = ("write", "without", "with", "more", "WAL without", "with")
    return f"{page.table(head, [_cells(*cost) for cost in costs])}\n\nPer row, of {told.rows:,} rows at once."


async def _make_ready(operator: Operator) -> None:
    for words in (("init",), ("start", "rename-column", "users.name", "display_name"), ("backfill",)):
        await operator.type(*words)


async def _both(raw: Session, write: Write, rows: int) -> tuple[Cost, Cost]:
    without = await _measure(raw, write, rows, trigger=False)
    return without, await _measure(raw, write, rows, trigger=True)


async def _measure(raw: Session, write: Write, rows: int, *, trigger: bool) -> Cost:
    """Run the write on a vacuumed table, rolled back each time, and return the best."""
    best, wal = float("inf"), 0.0
    for _ in range(TIMES):
        await raw.execute("VACUUM users")
        transaction = raw.transaction()
        await transaction.start()
        if not trigger:
            # Not disabled: for a BEFORE trigger that is there the row is locked, even if it does not fire.
            await raw.execute(DROP_TRIGGER)
        before = await raw.fetchval("SELECT pg_current_wal_insert_lsn()")
        began = time.perf_counter()
        await write(raw, rows)
        best = min(best, time.perf_counter() - began)
        wal = float(await raw.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before))
        await transaction.rollback()
    return Cost(best * 1e6 / rows, wal / rows)


def _cells(name: str, costs: tuple[Cost, Cost]) -> list[str]:
    was, now = costs
    more = f"{now.microseconds - was.microseconds:+.2f} us"
    times = [page.micros(was.microseconds), page.micros(now.microseconds), more]
    return [name, *times, page.size(was.wal_bytes), page.size(now.wal_bytes)]
