"""What the sync trigger costs a write: `python bench/trigger.py [--rows 300000] [--version 18]`.

A table with a change that is ready, rewritten so that pages have room for HOT updates. Each write runs with
the trigger and without it (dropped in its transaction), three times each, rolled back; the best counts. It
starts a server of its own.
"""

import argparse
import asyncio
import io
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from expandcontract.testing.operator import Operator
from expandcontract.testing.server import Server

Session: TypeAlias = "asyncpg.Connection[Any]"
Write: TypeAlias = Callable[[Session, int], Awaitable[object]]

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "autovacuum": "off"}
TIMES = 3
TABLE = """
CREATE TABLE users (id bigint PRIMARY KEY, name text, email text, note int DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO users SELECT g, 'user number ' || g, 'u' || g || '@example.com' FROM generate_series(1, {rows}) g
"""


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


async def measure(session: Session, write: Write, rows: int, *, trigger: bool) -> Cost:
    """Run the write on a vacuumed table, rolled back each time, and return the best."""
    best, wal = float("inf"), 0.0
    for _ in range(TIMES):
        await session.execute("VACUUM users")
        transaction = session.transaction()
        await transaction.start()
        if not trigger:
            # Not disabled: for a BEFORE trigger that is there the row is locked, even if it does not fire.
            await session.execute('DROP TRIGGER "~ec_0001_rename_users_name" ON users')
        before = await session.fetchval("SELECT pg_current_wal_insert_lsn()")
        began = time.perf_counter()
        await write(session, rows)
        best = min(best, time.perf_counter() - began)
        wal = float(await session.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before))
        await transaction.rollback()
    return Cost(best * 1e6 / rows, wal / rows)


async def measured(session: Session, rows: int, *, trigger: bool) -> dict[str, Cost]:
    """Return what each write costs."""
    return {name: await measure(session, write, rows, trigger=trigger) for name, write in WRITES.items()}


async def compare(server: Server, folder: Path, rows: int) -> None:
    """Bring a change to ready, measure both ways, and print."""
    session = await asyncpg.connect(server.url())
    await session.execute(TABLE.format(rows=rows))
    operator = Operator(folder, server.url())
    for words in (("init",), ("start", "rename-column", "users.name", "display_name"), ("backfill",)):
        await operator.type(*words)
    await session.execute("VACUUM FULL users")
    without = await measured(session, rows, trigger=False)
    with_it = await measured(session, rows, trigger=True)
    await session.close()
    print("| write | without | with | more | WAL without | with |")
    print("|---|---|---|---|---|---|")
    for name, was in without.items():
        now = with_it[name]
        more = f"{now.microseconds - was.microseconds:+.2f} us"
        times = f"{was.microseconds:.2f} us | {now.microseconds:.2f} us | {more}"
        print(f"| {name} | {times} | {was.wal_bytes:.0f} B | {now.wal_bytes:.0f} B |")


def main() -> None:
    """Read the arguments, start a server, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--version", type=int, default=18)
    chosen = parser.parse_args()
    with Server.start(chosen.version, SETTINGS) as server, tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(server, Path(folder), chosen.rows))


if __name__ == "__main__":
    main()
