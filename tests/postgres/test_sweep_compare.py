"""Comparing and keeping rows, and laying chunks."""

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from expandcontract.model.step import Purpose
from expandcontract.sweep import SweepOptions
from expandcontract.testing.server import Server
from tests.postgres.sweeping import Swept, action, swept

ROWS = 20_000


async def test_a_comparison_counts_every_row_and_every_mismatch(database: str) -> None:
    """What was corrupted behind the trigger's back is counted exactly, and named by key; nothing is
    written.
    """
    async with swept(database, rows=ROWS, trigger=False) as table:
        await table.raw.execute("UPDATE things SET new = CASE WHEN id % 400 = 0 THEN 'wrong' ELSE old END")
        compare = table.again(Purpose.COMPARE)
        outcome = await compare.sweep(options=SweepOptions(workers=2))
        assert (outcome.rows, outcome.mismatches, outcome.finished) == (ROWS, 50, True)
        samples = [key for chunk in await compare.chunks() for key in _decoded(chunk["samples"])]
        assert samples
        assert all(int(key["id"]) % 400 == 0 for key in samples)
        assert all(len(_decoded(chunk["samples"])) <= 10 for chunk in await compare.chunks())
        assert await table.out_of_sync() == 50


def _decoded(samples: str) -> list[dict[str, str]]:
    decoded: list[dict[str, str]] = json.loads(samples)
    return decoded


async def test_rows_without_a_key_are_named_by_their_place(database: str) -> None:
    """Without a primary key a mismatch is named by its ctid."""
    async with swept(database, rows=10, trigger=False) as table:
        await table.raw.execute("UPDATE things SET new = old WHERE id <> 4")
        job = replace(table.job, action=action(Purpose.COMPARE, key=()))
        compare = replace(table, job=job)
        await compare.sweep()
        (chunk,) = await compare.chunks()
        place = await table.raw.fetchval("SELECT ctid::text FROM things WHERE id = 4")
        assert _decoded(chunk["samples"]) == [{"ctid": place}]


async def test_rows_that_do_not_fit_are_counted_apart(database: str) -> None:
    """A comparison tells mismatches from values that the other side cannot hold."""
    async with swept(database, rows=100, trigger=False) as table:
        await table.raw.execute(
            "UPDATE things SET new = CASE WHEN id > 90 THEN NULL WHEN id > 70 THEN 'other' ELSE old END"
        )
        what = replace(action(Purpose.COMPARE), unfit="t.new IS NULL")
        outcome = await replace(table, job=replace(table.job, action=what)).sweep()
        assert (outcome.rows, outcome.mismatches, outcome.unfit) == (100, 30, 10)


async def test_the_check_is_called_after_each_slice_and_its_error_undoes_the_slice(database: str) -> None:
    """When the state that a proof is bound to has changed, the slice does not count."""
    async with swept(database, rows=ROWS) as table:
        await table.sweep()
        compare, calls = table.again(Purpose.COMPARE), 0

        async def check(_conn: object) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise RuntimeError("a trigger was disabled")

        with pytest.raises(Exception, match="a trigger was disabled"):
            await compare.sweep(check=check)
        (chunk,) = await compare.chunks()
        assert 0 < chunk["rows"] < ROWS
        assert chunk["status"] == "pending"
        outcome = await compare.walk()
        assert (outcome.rows, outcome.mismatches, outcome.finished) == (ROWS, 0, True)


async def test_a_comparison_starts_over_after_a_rewrite(database: str) -> None:
    """Rows that lie elsewhere now are compared again, and counted once."""
    async with swept(database, rows=ROWS) as table:
        await table.sweep()
        compare = table.again(Purpose.COMPARE)
        await compare.lay()
        stop = asyncio.Event()

        async def check(_conn: object) -> None:
            stop.set()

        assert not (await compare.walk(stop=stop, check=check)).finished
        await table.raw.execute("VACUUM FULL things")
        outcome = await compare.walk()
        assert (outcome.rows, outcome.mismatches, outcome.finished) == (ROWS, 0, True)


async def test_what_only_the_new_side_holds_is_kept(database: str) -> None:
    """Before a rollback the values of the new side go into the ledger, each once, with the key of its row."""
    async with swept(database, rows=1_000, trigger=False) as table:
        await table.raw.execute("UPDATE things SET new = CASE WHEN id = 77 THEN 'only here' ELSE old END")
        keep = table.again(Purpose.KEEP)
        outcome = await keep.sweep()
        assert (outcome.rows, outcome.finished) == (1, True)
        await keep.walk()
        kept = await table.raw.fetch(
            "SELECT kind, key, old_value, new_value, role FROM expandcontract.conflict"
        )
        assert [tuple(row) for row in kept] == [("kept", '{"id": "77"}', "value 77", "only here", "postgres")]


async def test_chunks_are_laid_once(database: str) -> None:
    """Laying again, even at the same time, lays nothing; the chunks cover every block once."""
    async with swept(database, rows=60_000) as table:
        laid = await asyncio.gather(*(table.lay(workers) for workers in (1, 4, 3)))
        assert sorted(laid)[:2] == [0, 0]
        chunks = await table.chunks()
        assert len(chunks) == max(laid)
        blocks = await table.raw.fetchval("SELECT pg_relation_size('things') / 8192")
        covered = [block for c in chunks for block in range(c["first_block"], c["end_block"])]
        assert covered == list(range(blocks))


async def test_ten_terabytes_are_laid_in_seconds(server: Server, database: str) -> None:
    """80,000 chunks of a table of 10 TB are laid with a few seconds of work, of client and server."""
    async with swept(database, rows=1) as table:
        path = server.data_directory / await table.raw.fetchval("SELECT pg_relation_filepath('things')")
        for segment in range(10_000):
            name = path if segment == 0 else path.with_name(f"{path.name}.{segment}")
            with name.open("ab") as file:
                file.truncate(2**30)
        before = await _spent(table)
        assert await table.lay() == 80_000
        assert await _spent(table) - before < 5


async def _spent(table: Swept) -> float:
    """Return the CPU seconds of this process and of the server's for this database: what else the machine has
    to do does not count.
    """
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    stats = [Path(f"/proc/{row[0]}/stat").read_text() for row in await table.raw.fetch(query)]
    ticks = sum(int(value) for stat in stats for value in stat.rpartition(")")[2].split()[11:13])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


async def test_a_foreign_table_is_left_alone(database: str) -> None:
    """A foreign partition has no blocks: the others are swept."""
    ddl = """CREATE TABLE things (id bigint, old text, new text) PARTITION BY RANGE (id);
        CREATE TABLE here PARTITION OF things FOR VALUES FROM (0) TO (5000);
        CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
        CREATE FOREIGN TABLE away PARTITION OF things FOR VALUES FROM (5000) TO (9000) SERVER nowhere"""
    async with swept(database, rows=100, ddl=ddl) as table:
        outcome = await table.sweep()
        assert (outcome.rows, outcome.finished) == (100, True)


async def test_progress_of_a_comparison_is_seen_from_elsewhere(database: str) -> None:
    """Totals and the end of a sweep count the chunks of all processes."""
    async with swept(database, rows=60_000) as table:
        await table.lay(workers=4)
        outcomes = await asyncio.gather(*(table.again().walk() for _ in range(2)))
        assert [outcome.rows for outcome in outcomes] == [60_000, 60_000]
        assert (await table.totals()).open == 0
