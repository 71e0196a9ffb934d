"""What `ec` itself costs: memory that does not grow with the table, and a status that does not grow with the
changes.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import asyncpg
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


async def test_status_asks_as_often_for_five_changes_as_for_one(database: str) -> None:
    """The number of queries of `ec status` does not depend on how many changes there are."""
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
