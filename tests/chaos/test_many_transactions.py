"""Tens of thousands of transactions of an application beside start, backfill and rollback: none fails.

`EC_TRANSACTIONS=100000` runs this many for each table.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from expandcontract.testing.server import Server
from tests.acceptance.cycle import Life, living
from tests.acceptance.probe import TRIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TRANSACTIONS = int(os.environ.get("EC_TRANSACTIONS", "20000"))
CLIENTS = 4
#: Rows in random order, five in one transaction. No two clients write the same row, so that a deadlock could
#: be with us only.
SCRIPT = """
{sets}
BEGIN;
{writes}
SELECT count(*) FROM t WHERE {key1};
END;
"""


@dataclass(frozen=True)
class Table:
    """A table `t` with this many rows, whose `old` is renamed. `key` finds the row of number `{n}`."""

    given: str
    rows: int
    key: str = "id = {n}"

    @property
    def script(self) -> str:
        """What pgbench runs."""
        rows = range(1, 6)
        sets = [f"\\set n{n} random(1, {self.rows // CLIENTS} - 1) * {CLIENTS} + :client_id" for n in rows]
        keys = [self.key.format(n=f":n{n}") for n in rows]
        writes = [f"UPDATE t SET {'old = :n1 + :n2' if n == 3 else 'pad = md5(pad)'} WHERE {key};"
                  for n, key in zip(rows, keys, strict=True)]  # fmt: skip
        return SCRIPT.format(sets="\n".join(sets), writes="\n".join(writes), key1=keys[0])


TABLES = {
    "middling": Table(
        """CREATE TABLE t AS SELECT g AS id, 'name ' || g AS old, 'user' || g || '@example.com' AS email,
               lpad(g::text, 60, '-') AS pad FROM generate_series(0, 40000) g;
           ALTER TABLE t ADD PRIMARY KEY (id); CREATE INDEX ON t (email); CREATE INDEX ON t (old)""",
        40_000,
    ),
    "uuid": Table(
        """CREATE TABLE t AS SELECT md5(g::text)::uuid AS id, g AS old, md5('c' || g % 500) AS city,
               md5(g::text) AS pad FROM generate_series(0, 40000) g;
           ALTER TABLE t ADD PRIMARY KEY (id); CREATE INDEX ON t (city, id); CREATE INDEX ON t (id, city)""",
        40_000,
        "id = md5({n}::text)::uuid",
    ),
    "narrow": Table(
        """CREATE TABLE t AS SELECT g AS id, g AS old, ''::text AS pad FROM generate_series(0, 80000) g;
           ALTER TABLE t ADD PRIMARY KEY (id)""",
        80_000,
    ),
    "wide": Table(
        """CREATE TABLE t AS SELECT g AS id, 'n' || g AS old, repeat(md5(g::text), 33) AS filler,
               ''::text AS pad FROM generate_series(0, 8000) g;
           ALTER TABLE t ALTER filler SET STORAGE external; ALTER TABLE t ADD PRIMARY KEY (id)""",
        8_000,
    ),
    "none": Table(
        """CREATE TABLE t AS SELECT g AS id, 'name ' || g AS old, lpad(g::text, 60, '-') AS pad
               FROM generate_series(0, 40000) g; CREATE INDEX ON t (id)""",
        40_000,
    ),
}


@asynccontextmanager
async def _pgbench(
    server: Server, url: str, folder: Path, script: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    path = folder / "script"
    path.write_text(script)
    process = await asyncio.create_subprocess_exec(
        server.bin("pgbench"), "--no-vacuum", f"--client={CLIENTS}", "--jobs=2", "--log",
        f"--transactions={TRANSACTIONS // CLIENTS}", f"--file={path}", url,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _again_and_again(
    life: Life, load: "asyncio.Task[tuple[bytes, bytes]]"
) -> list[tuple[float, float]]:
    """Start, backfill and roll back as long as the load lasts; return when rows were copied."""
    copied = []
    while not load.done():
        await life.start()
        begun = time.time()
        assert (await life.backfill(workers=2)).proof is not None
        copied.append((begun, time.time()))
        await life.rollback()
    return copied


def _committed(folder: Path, spans: list[tuple[float, float]]) -> int:
    """Return how many transactions ended within the spans (manual, pgbench, "Per-Transaction Logging")."""
    ends = [
        int(line.split()[4]) + int(line.split()[5]) / 1e6
        for log in folder.glob("pgbench_log.*")
        for line in log.read_text().splitlines()
    ]
    return sum(any(begin <= end <= over for begin, over in spans) for end in ends)


@pytest.mark.parametrize("name", TABLES)
async def test_no_transaction_fails_beside_a_backfill(
    server: Server, database: str, tmp_path: Path, name: str
) -> None:
    """None fails, none is the victim of a deadlock; a good part of them ran while rows were copied."""
    table = TABLES[name]
    fields = {"column": "t.old", "new_name": "new"}
    async with living(database, "rename-column", fields, table.given) as life:
        beside = 0
        for again in range(TRIES):  # on a busy machine a backfill may have had little of the time
            folder = tmp_path / str(again)
            folder.mkdir()
            beside = max(beside, await _beside(server, life, folder, table.script))
            if beside > TRANSACTIONS / 4:
                break
        assert beside > TRANSACTIONS / 4


async def _beside(server: Server, life: Life, folder: Path, script: str) -> int:
    """Return how many transactions ended while rows were copied. None may have failed."""
    async with _pgbench(server, life.url, folder, script) as process:
        load = asyncio.create_task(process.communicate())
        copied = await _again_and_again(life, load)
        said = (await load)[0].decode()
    assert process.returncode == 0, said
    done = re.search(r"transactions actually processed: (\d+)", said)
    assert done is not None
    assert int(done[1]) == TRANSACTIONS
    assert re.search(r"failed transactions: 0 ", said), said
    await life.sql("SELECT pg_stat_clear_snapshot()")
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await life.value(query) == 0
    assert copied
    return _committed(folder, copied)
