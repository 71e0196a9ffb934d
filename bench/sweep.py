"""What the sweep costs, beside one blocking UPDATE: `python bench/sweep.py [--rows 500000] [--version 18]`.

Prints rows per second, growth of heap and indexes, WAL, and the share of HOT updates, for tables of three
shapes; then the time per row for fixed batches of different sizes, and what a second run and a comparison
take. It starts a server of its own.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import asyncpg

from expandcontract.ledger.migrate import migrate
from expandcontract.ledger.tables import Tables
from expandcontract.model.plan import Purpose, Sweep
from expandcontract.postgres.connect import Database
from expandcontract.sweep import Job, Options, lay, walk
from expandcontract.testing.server import Server

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "autovacuum": "off"}


@dataclass(frozen=True)
class Shape:
    """A table `t` whose column `old` is copied to `new`; `scale` is its share of the rows."""

    ddl: str
    fill: str
    scale: float = 1.0


SHAPES = {
    "uuid key, 3 indexes": Shape(
        "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), old text, email text, age int,"
        " at timestamptz DEFAULT now());"
        "CREATE INDEX ON t (email); CREATE INDEX ON t (at)",
        "INSERT INTO t (old, email, age) SELECT 'user number ' || g, 'user' || g || '@example.com', g"
        " FROM generate_series(1, $1::int) g",
    ),
    "narrow": Shape(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old int)",
        "INSERT INTO t (old) SELECT g FROM generate_series(1, $1::int) g",
    ),
    "wide, 7 rows a page": Shape(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old text, pad text);"
        "ALTER TABLE t ALTER pad SET STORAGE EXTERNAL; CREATE INDEX ON t (old)",
        "INSERT INTO t (old, pad) SELECT 'n' || g, repeat(md5(g::text), 33)"
        " FROM generate_series(1, $1::int) g",
        scale=0.2,
    ),
}
CHANGE = """
INSERT INTO expandcontract.change (
    name, kind, spec, plan, fingerprint, relation, table_schema, table_name, columns,
    created_by, created_from, program_version, database_oid
) VALUES (
    'bench', 'rename-column', '{}', '{}', '', 't'::regclass, 'public', 't', '{old,new}',
    'bench', 'bench', '0', 0
) RETURNING id"""
TYPE = """
SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'old'"""
HOT = "SELECT sum(hot_rows)::float / nullif(sum(rows), 0) FROM expandcontract.chunk WHERE round = $1"
SIZES = """
SELECT pg_relation_size('t') AS heap, pg_indexes_size('t') AS indexes, pg_current_wal_insert_lsn() AS lsn"""


@dataclass(frozen=True)
class Bench:
    """One table, ready to be copied."""

    database: Database
    raw: "asyncpg.Connection[Any]"
    job: Job

    async def sweep(self, options: Options) -> float | None:
        """Copy; return the share of HOT updates."""
        tables = Tables()
        async with self.database.transaction(patient=True) as conn:
            await lay(conn, tables, self.job, workers=options.workers)
        outcome = await walk(self.database, tables, self.job, options=options)
        if not outcome.finished:
            raise RuntimeError(f"stopped by {outcome.stopped_by}")
        share: float | None = await self.raw.fetchval(HOT, self.job.round)
        return share or None

    async def update(self) -> None:
        """Copy in one statement."""
        await self.raw.execute("UPDATE t SET new = old WHERE new IS DISTINCT FROM old")


@asynccontextmanager
async def bench(server: Server, shape: Shape, rows: int) -> AsyncIterator[Bench]:
    """Make the table and its ledger in a fresh database."""
    admin: asyncpg.Connection[Any] = await asyncpg.connect(server.url())
    await admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    await admin.execute("CREATE DATABASE bench")
    await admin.close()
    raw: asyncpg.Connection[Any] = await asyncpg.connect(server.url("bench"))
    database = Database(server.url("bench"))
    try:
        await migrate(database)
        await raw.execute(shape.ddl)
        await raw.execute(shape.fill, rows)
        await raw.execute(f"ALTER TABLE t ADD new {await raw.fetchval(TYPE)}")
        await raw.execute("VACUUM ANALYZE t")
        await raw.execute("CHECKPOINT")
        action = Sweep(Purpose.COPY, "public.t", "t.new IS DISTINCT FROM t.old", (("new", "t.old"),), ("id",))
        change, table = await raw.fetchval(CHANGE), await raw.fetchval("SELECT 't'::regclass::oid")
        yield Bench(database, raw, Job(change, "bench", 1, 1, action, table))
    finally:
        await database.close()
        await raw.close()


async def sizes(one: Bench) -> asyncpg.Record:
    """Return the present sizes and the place in the WAL."""
    rows: list[asyncpg.Record] = await one.raw.fetch(SIZES)
    return rows[0]


async def measure(one: Bench, rows: int, work: Callable[[], Awaitable[float | None]]) -> str:
    """Return a line of the table."""
    before = await sizes(one)
    started = time.perf_counter()
    hot = await work()
    seconds = time.perf_counter() - started
    after = await sizes(one)
    wal = await one.raw.fetchval("SELECT $1::pg_lsn - $2::pg_lsn", after["lsn"], before["lsn"])
    heap, indexes = (100 * (after[name] / before[name] - 1) for name in ("heap", "indexes"))
    share = "" if hot is None else f"{100 * hot:.0f} %"
    return f"{rows / seconds:9,.0f} | {heap:+5.0f} % | {indexes:+5.0f} % | {wal / rows:6.0f} B | {share:>5}"


async def shapes(server: Server, rows: int) -> None:
    """Compare the sweep with a blocking UPDATE."""
    print("| table | method | rows/s | heap | indexes | WAL a row | HOT |")
    print("|---|---|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        count = int(rows * shape.scale)
        async with bench(server, shape, count) as one:
            print(f"| {name} | one blocking UPDATE | {await measure(one, count, one.update)} |", flush=True)
        for workers in (1, 2):
            async with bench(server, shape, count) as one:
                line = await measure(one, count, partial(one.sweep, Options(workers=workers)))
                print(f"| {name} | sweep, {workers} worker{'s' * (workers > 1)} | {line} |", flush=True)


async def batches(server: Server, rows: int) -> None:
    """Show how the time per row depends on the size of a batch."""
    shape = SHAPES["uuid key, 3 indexes"]
    print("\n| batch | microseconds a row |\n|---|---|")
    for batch in (100, 500, 1_000, 5_000, 20_000):
        async with bench(server, shape, rows) as one:
            started = time.perf_counter()
            await one.sweep(Options(batch=batch))
            print(f"| {batch:,} | {(time.perf_counter() - started) / rows * 1e6:.1f} |", flush=True)


async def reading(server: Server, rows: int) -> None:
    """Show what a second run and a comparison take."""
    print("\n| | rows/s | heap | indexes | WAL a row | HOT |\n|---|---|---|---|---|---|")
    async with bench(server, SHAPES["uuid key, 3 indexes"], rows) as one:
        await one.sweep(Options())
        for label, purpose in (("second run", Purpose.COPY), ("compare", Purpose.COMPARE)):
            job = replace(one.job, round=2, action=replace(one.job.action, purpose=purpose))
            line = await measure(one, rows, partial(replace(one, job=job).sweep, Options()))
            print(f"| {label} | {line} |", flush=True)


async def main() -> None:
    """Run both tables on one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--version", type=int, default=18)
    told = parser.parse_args()
    with Server.start(told.version, SETTINGS) as server:
        await shapes(server, told.rows)
        await batches(server, told.rows // 2)
        await reading(server, told.rows)


if __name__ == "__main__":
    asyncio.run(main())
