"""What `ec` itself costs: memory that does not grow with the table, and a status that does not grow with the
changes.
"""

import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import event

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import init, plan, start, status
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database

MEGABYTE = 1024  # ru_maxrss is in kB
MOST_RESIDENT = 150 * MEGABYTE


async def _made(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def _ec(folder: Path, url: str, *arguments: str) -> None:
    """Run `ec` as an operator does, in a process of its own."""
    environment = os.environ | {"EC_DATABASE_URL": url}
    subprocess.run(
        [sys.executable, "-m", "expandcontract", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )


def _resident(folder: Path, url: str, *arguments: str) -> int:
    """Return the greatest resident size of one run, in kB: a child of a child, whose own children are counted
    alone.
    """
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, sys.executable, "-m", "expandcontract", *arguments]
    environment = os.environ | {"EC_DATABASE_URL": url}
    printed = subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout
    return int(printed)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_backfill_stays_small_whatever_the_table(database: str, tmp_path: Path) -> None:
    """`ec backfill` stays under 150 MB, and eight times the rows cost it less than 15 MB more."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
    sizes = []
    for number, (table, rows) in enumerate((("small", 40_000), ("large", 320_000)), start=1):
        await _made(
            database,
            f"CREATE TABLE {table} (id int PRIMARY KEY, name text NOT NULL, filler text DEFAULT 'some more');"
            f"INSERT INTO {table} SELECT n, 'name ' || n FROM generate_series(1, {rows}) n",
        )
        if table == "small":
            _ec(tmp_path, database, "init")
        _ec(tmp_path, database, "start", "rename-column", f"{table}.name", "title")
        sizes.append(_resident(tmp_path, database, "backfill", f"{number:04d}_rename_{table}_name"))
    small, large = sizes
    assert large < MOST_RESIDENT, f"{large / MEGABYTE:.0f} MB"
    assert large - small < 15 * MEGABYTE, f"{small / MEGABYTE:.0f} MB, then {large / MEGABYTE:.0f} MB"


async def test_status_asks_as_often_for_five_changes_as_for_one(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of queries of `ec status` does not depend on how many changes there are."""
    monkeypatch.setattr(status, "RECENT", timedelta(hours=1))  # start has looked, however long ago
    db = Database(database)
    context = Context(db, Policy(), lambda _: None, "tests")
    await init.init(context)
    asked: list[str] = []

    def count(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(db._engine.sync_engine, "before_cursor_execute", count)
    counts = []
    for number in range(1, 6):
        await _made(database, f"CREATE TABLE t{number} (id int PRIMARY KEY, name text)")
        change = plan.named(
            "rename-column", {"column": f"t{number}.name", "new_name": "title"}, (f"{number:04d}_x",)
        )
        await start.start(context, change)
        asked.clear()
        assert len(await status.load(context)) == number
        counts.append(len(asked))
    assert len(set(counts)) == 1, counts
    await db.close()


#: 10 TB in blocks of 8 kB, of which a third is copied; two chunks are in work.
TEN_TERABYTES = """
INSERT INTO expandcontract.chunk (
    change_id, attempt, purpose, round, relation, relation_name, filenode, first_block, end_block, next_block,
    rows, hot_rows, status, batch, started_at, updated_at, leased_until
)
SELECT c.id, 1, purpose, 1, c.relation, 'public.t', 1, n * 16384, (n + 1) * 16384,
    n * 16384 + CASE WHEN n < 26600 THEN 16384 WHEN n < 26602 THEN 8192 ELSE 0 END,
    CASE WHEN n < 26600 THEN 125000 WHEN n < 26602 THEN 62500 ELSE 0 END,
    CASE WHEN n < 26600 THEN 100000 WHEN n < 26602 THEN 50000 ELSE 0 END,
    CASE WHEN n < 26600 THEN 'done' WHEN n < 26602 THEN 'running' ELSE 'pending' END,
    1000, moment, moment, moment + interval '1 hour'
FROM expandcontract.change c, generate_series(0, 79999) n, (VALUES ('copy'), ('compare')) sweeps(purpose)
CROSS JOIN LATERAL (SELECT CASE WHEN n < 26602 THEN now() END AS moment) begun
"""


async def test_status_of_ten_terabytes(database: str) -> None:
    """A table of 10 TB and 10^10 rows has a row of ledger for 128 MB, and none of the 80,000 is counted when
    somebody asks: `ec status` works no longer than for an empty table, and sums exactly.
    """
    db = Database(database)
    context = Context(db, Policy(), lambda _: None, "tests")
    await init.init(context)
    await _made(database, "CREATE TABLE t (id int PRIMARY KEY, name text)")
    change = plan.named("rename-column", {"column": "t.name", "new_name": "title"}, ())
    await start.start(context, change)
    empty = min([await _work(context) for _ in range(3)])
    await _made(database, TEN_TERABYTES)
    (seen,) = await status.load(context)
    assert seen.copy is not None
    assert (seen.copy.blocks_total, seen.copy.blocks_total // 16_384) == (10_000 * 2**30 // 8192, 80_000)
    assert seen.copy.blocks_done == 26_601 * 16_384
    assert (seen.copy.rows, seen.copy.chunks_open) == (26_601 * 125_000, 80_000 - 26_600)
    assert seen.copy.hot_ratio == 0.8
    work = min([await _work(context) for _ in range(3)])
    assert work < 3 * empty, f"{work * 1000:.0f} ms, {empty * 1000:.0f} ms of an empty table"
    await db.close()


async def _work(context: Context, times: int = 5) -> float:
    """Return the seconds that one `ec status` keeps this process and the server's sessions busy: on a machine
    with much else to do the clock would tell of that.
    """
    before = time.process_time() + await _server_seconds(context)
    for _ in range(times):
        await status.beside(context, await status.load(context))
    return (time.process_time() + await _server_seconds(context) - before) / times


async def _server_seconds(context: Context) -> float:
    query = "SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = current_database() ORDER BY pid"
    async with context.database.transaction() as conn:
        pids = (await conn.exec_driver_sql(query)).scalars().all()
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime
    return ticks / os.sysconf("SC_CLK_TCK")
