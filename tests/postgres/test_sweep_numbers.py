"""What is exact of the sweep's costs: the WAL of a run over rows that are in sync, the rows of its ledger."""

import pytest

from expandcontract.sweep import SweepOptions
from expandcontract.testing.server import Server
from tests.postgres.sweeping import Swept, swept

ROWS = 20_000
#: A row of the ledger covers this much of the table at least, where one worker lays it.
CHUNK = 128 * 2**20
SHAPES = {
    "narrow": "CREATE TABLE things (id int PRIMARY KEY, old int, new int)",
    "wide": """
        CREATE TABLE things (id int PRIMARY KEY, old int, new int, pad text DEFAULT repeat('x', 1000));
        CREATE INDEX ON things (old)""",
    "uuid": """
        CREATE TABLE things (key uuid PRIMARY KEY DEFAULT gen_random_uuid(), id int, old int, new int);
        CREATE INDEX ON things (id, key)""",
    "no key": "CREATE TABLE things (id int, old int, new int)",
    "partitioned": """
        CREATE TABLE things (id int, old int, new int) PARTITION BY HASH (id);
        CREATE TABLE things_0 PARTITION OF things FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE things_1 PARTITION OF things FOR VALUES WITH (MODULUS 2, REMAINDER 1)""",
}
FILL = f"INSERT INTO things (id, old) SELECT g, g FROM generate_series(1, {ROWS}) g"


async def _wal_of_a_round(table: Swept, number: int) -> int:
    """Run a round over the finished table; return the bytes of WAL that it wrote."""
    before = await table.raw.fetchval("SELECT pg_current_wal_insert_lsn()")
    outcome = await table.again(round=number).sweep(options=SweepOptions(workers=2))
    assert (outcome.rows, outcome.finished) == (0, True)
    return int(await table.raw.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_run_over_finished_rows_writes_nothing(database: str, shape: str) -> None:
    """Under 4 bytes of WAL a row, whatever the table looks like, its ledger included."""
    async with swept(database, ddl=SHAPES[shape], fill=FILL) as table:
        assert (await table.sweep()).rows == ROWS
        # Autovacuum writes as well, but not all the time.
        wal = [await _wal_of_a_round(table, number) for number in (2, 3)]
        assert min(wal) < 4 * ROWS, wal


@pytest.mark.parametrize("size", [CHUNK, 3 * CHUNK + 8192, 2**30])
async def test_a_row_of_the_ledger_for_each_128_megabytes(server: Server, database: str, size: int) -> None:
    """A table has one chunk for each 128 MB that it begins, and no more."""
    async with swept(database, rows=1) as table:
        path = server.data_directory / await table.raw.fetchval("SELECT pg_relation_filepath('things')")
        with path.open("ab") as file:
            file.truncate(size)
        assert await table.lay() == -(-size // CHUNK)
        chunks = await table.chunks()
        assert max(c["end_block"] for c in chunks) == size // 8192
        assert max(c["end_block"] - c["first_block"] for c in chunks) <= CHUNK // 8192
