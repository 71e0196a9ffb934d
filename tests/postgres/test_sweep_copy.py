"""Copying rows while applications write: every row exactly once, nobody waits, nothing is lost."""

import asyncio

import pytest

from expandcontract.model.plan import Purpose
from expandcontract.sweep import Options
from tests.postgres.sweeping import Swept, swept

ROWS = 20_000


async def test_every_row_is_written_once(database: str) -> None:
    """A copy writes each row that is out of sync, counts it once, and says so."""
    async with swept(database, rows=ROWS) as table:
        outcome = await table.sweep()
        assert (outcome.rows, outcome.finished, outcome.stopped_by) == (ROWS, True, None)
        assert await table.out_of_sync() == 0
        assert {(c["status"], c["next_block"] - c["end_block"]) for c in await table.chunks()} == {("done", 0)}


async def test_passes_keep_the_updates_hot(database: str) -> None:
    """More than half of the updates of a dense table need no new index entries, and the ledger counts them."""
    async with swept(database, rows=ROWS) as table:
        await table.sweep()
        await table.raw.execute("SELECT pg_stat_force_next_flush()")
        totals = await table.totals()
        assert totals.hot_rows > ROWS / 2
