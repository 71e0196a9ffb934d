"""What verify does beyond the proof: naming every row, a quick look, a repair, a standing comparison."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from expandcontract.cli.mismatch_file import written
from expandcontract.engine.verbs import control, verify
from expandcontract.model.errors import Mismatches, UnsupportedShape, UsageError
from expandcontract.model.events import Notice
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import Life, living
from tests.acceptance.probe import TRIES
from tests.waiting import until

pytestmark = pytest.mark.in_turn(3)

if TYPE_CHECKING:
    from expandcontract.sweep.row_reader import MismatchFound

RENAME = ("rename-column", {"column": "t.name", "new_name": "label"})
#: Few rows on many pages, so that a comparison takes several slices.
ROWS = 2000
TABLE = f"""
CREATE TABLE t(id int PRIMARY KEY, name text) WITH (fillfactor = 10);
INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, {ROWS}) i
"""


@pytest.fixture
async def life(database: str) -> AsyncIterator[Life]:
    """Give a rename of t.name that is ready and proven."""
    async with living(database, *RENAME, TABLE) as ready:
        await ready.ready()
        yield ready


async def drift(life: Life, statement: str) -> None:
    """Write past the trigger, as a superuser can."""
    trigger = f'"~ec_{life.name}"'
    await life.sql(
        f"BEGIN; ALTER TABLE t DISABLE TRIGGER {trigger}; {statement}; "
        f"ALTER TABLE t ENABLE ALWAYS TRIGGER {trigger}; COMMIT"
    )


def notices(life: Life) -> str:
    """Return all that was said."""
    return "\n".join(event.text for event in life.heard if isinstance(event, Notice))


async def test_every_row_that_differs_is_exported(life: Life, tmp_path: Path) -> None:
    """All of them, not ten: keys, and values where they were asked for; NULL is told from ''."""
    await drift(life, "UPDATE t SET name = CASE WHEN id % 4 = 0 THEN NULL ELSE '' END WHERE id <= 700")
    file = tmp_path / "rows.jsonl"
    with written(str(file), values=True) as sink, pytest.raises(Mismatches) as found:
        await life.verify(export=sink, show_values=True)
    assert found.value.message.startswith("700 of 2,000 rows")
    assert "700 rows that do not match now were exported" in found.value.state
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["key"]["id"] for row in rows} == {str(i) for i in range(1, 701)}
    assert {(row["old"], row["new"]) for row in rows if row["key"]["id"] in {"3", "4"}} == {
        ("", "n3"), (None, "n4"),
    }  # fmt: skip
    assert file.stat().st_mode & 0o077 == 0


async def test_an_exported_file_can_be_loaded(life: Life, tmp_path: Path) -> None:
    """CSV with the columns of the key, as COPY reads it; without values where nobody asked for them."""
    await drift(life, "UPDATE t SET name = 'a \"quoted\", value' WHERE id <= 300")
    file = tmp_path / "rows.csv"
    with written(str(file), values=False) as sink, pytest.raises(Mismatches):
        await life.verify(export=sink)
    assert "quoted" not in file.read_text(encoding="utf-8")
    await life.sql("CREATE TABLE wrong(relation text, id int)")
    await life.app.copy_to_table("wrong", source=file, format="csv", header=True)
    assert await life.value("SELECT array_agg(id ORDER BY id) FROM wrong") == list(range(1, 301))


async def test_a_table_without_a_key_is_exported_by_place(database: str) -> None:
    """The ctid of each row, on each leaf."""
    given = """CREATE TABLE t(id int, name text) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (50);
    CREATE TABLE high PARTITION OF t FOR VALUES FROM (50) TO (100);
    INSERT INTO t SELECT i, 'n' || i FROM generate_series(0, 99) i"""
    async with living(database, *RENAME, given) as life:
        await life.ready()
        await drift(life, "UPDATE t SET name = 'x' WHERE id IN (3, 77)")
        found: list[MismatchFound] = []
        with pytest.raises(Mismatches):
            await life.verify(export=found.append)
        assert sorted((row.relation, *row.key) for row in found) == [
            ("public.high", "ctid"), ("public.low", "ctid"),
        ]  # fmt: skip


@pytest.mark.parametrize("path", ["rows.txt", "rows", "no/such/folder/rows.csv"])
def test_a_file_that_cannot_be_written_is_told_first(path: str, tmp_path: Path) -> None:
    """Before anything is compared, with the option's name."""
    with pytest.raises(UsageError, match="--export"), written(str(tmp_path / path), values=False):
        pytest.fail("nothing may be done")


async def test_a_repair_is_compared_once_more(life: Life) -> None:
    """--repair fills from the old side what differs, keeps what the new side held, and proves."""
    await drift(life, "UPDATE t SET label = 'astray' WHERE id <= 30; UPDATE t SET name = 'b' WHERE id = 40")
    situation = await life.verify(repair=True)
    assert situation.proof is not None
    assert (situation.proof.rows_compared, situation.proof.mismatches) == (ROWS, 0)
    assert await life.value("SELECT count(*) FROM t WHERE label IS DISTINCT FROM name") == 0
    assert await life.value("SELECT label FROM t WHERE id = 40") == "b"
    kept = await life.conflicts()
    assert kept.count(("overwritten", "n7", "astray")) == 1
    assert len(kept) == 31
    await life.contract()


async def test_a_sample_is_no_proof(life: Life) -> None:
    """It reads as many blocks as it was told, says what it is, finds what is there, and leaves the ledger
    alone.
    """
    before = await life.rows("SELECT id, finished_at FROM expandcontract.proof")
    await verify.look(life.context, life.name, 20)
    assert "in 20 blocks do not match" in notices(life)
    assert "no proof" in notices(life)
    await drift(life, "UPDATE t SET name = 'x'")
    with pytest.raises(Mismatches, match="blocks") as found:
        await verify.look(life.context, life.name, 10_000)
    assert found.value.exit_code == 6
    assert f"{ROWS:,} of {ROWS:,}" in found.value.message
    assert await life.rows("SELECT id, finished_at FROM expandcontract.proof") == before


async def test_a_standing_comparison_refuses_what_would_drift(life: Life) -> None:
    """From then on a write past the trigger fails; it is no proof, and contract takes it away."""
    await life.verify(standing=True)
    await life.verify(standing=True)
    assert await _constraints(life) == [(True,)]
    await life.sql(
        "UPDATE t SET name = 'old code' WHERE id = 1; UPDATE t SET label = 'new code' WHERE id = 2"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="~ec_in_sync"):
        await drift(life, "UPDATE t SET name = 'astray' WHERE id = 3")
    await life.sql("ROLLBACK")
    assert (await life.situation()).live.uncarried == ()
    await life.contract()
    assert await _constraints(life) == []
    await life.undo()
    assert await _constraints(life) == []


async def test_a_rollback_takes_a_standing_comparison_away(database: str) -> None:
    """With conversions in it as well: their functions go with it."""
    fields = {"column": "t.id", "type": "bigint", "to": "big"}
    given = (
        "CREATE TABLE t(key int PRIMARY KEY, id int); INSERT INTO t SELECT i, i FROM generate_series(1, 50) i"
    )
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        await life.verify(standing=True)
        await life.sql("UPDATE t SET id = id + 1; INSERT INTO t(key, big) VALUES (99, 7), (100, NULL)")
        await life.rollback()
        assert await _constraints(life) == []
        await life.ready()
        await life.verify(standing=True)
        await life.contract()
        await life.purge()


async def _constraints(life: Life) -> list[tuple[object, ...]]:
    return await life.rows("SELECT convalidated FROM pg_constraint WHERE conname LIKE '~ec_in_sync%'")


async def test_mode_fill_has_no_standing_comparison(database: str) -> None:
    """Its two sides need not agree: refused before anything is compared."""
    fields = {"column": "t.name", "type": "timestamptz", "to": "at", "using": "now()", "one_way": True}
    given = "CREATE TABLE t(id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'x')"
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        with pytest.raises(UnsupportedShape, match="standing"):
            await life.verify(standing=True)


async def test_several_workers_and_processes_share_a_comparison(life: Life) -> None:
    """They compare each row once; each of them returns when all is compared."""
    before = await life.value("SELECT max(id) FROM expandcontract.proof")
    # Held back, each takes a chunk before any is done.
    await control.pause(life.context, life.name)
    other = replace(life, context=replace(life.context, database=Database(life.url)))
    comparing = [asyncio.create_task(one.verify(workers=2)) for one in (life, other)]
    # Not by name: both are this process, and so their workers have the same names.
    held = "SELECT count(*) > 1 FROM expandcontract.chunk WHERE purpose = 'compare' AND status = 'running'"
    await until(lambda: life.value(held), *comparing)
    await control.resume(life.context, life.name)
    await asyncio.gather(*comparing)
    await other.context.database.close()
    proofs = await life.rows(
        "SELECT rows_compared, mismatches FROM expandcontract.proof WHERE id > $1", before
    )
    assert set(proofs) == {(ROWS, 0)}


async def test_a_comparison_is_paused_and_goes_on(life: Life) -> None:
    """It holds no transaction meanwhile, and counts each row once."""
    await control.pause(life.context, life.name)
    comparing = asyncio.create_task(life.verify())
    paused = (
        "SELECT count(*) FROM expandcontract.chunk WHERE purpose = 'compare' AND throttled_by LIKE 'paused%'"
    )
    await until(lambda: life.value(paused), comparing)
    assert not comparing.done()
    await control.resume(life.context, life.name)
    situation = await comparing
    assert situation.proof is not None
    assert situation.proof.rows_compared == ROWS


async def test_a_comparison_is_not_much_slower_than_a_count(database: str) -> None:
    """Far from the promised half: this only tells a comparison from one that has gone wrong."""
    given = TABLE.replace("fillfactor = 10", "fillfactor = 100").replace(f"{ROWS})", "300000)")
    async with living(database, *RENAME, given) as life:
        await life.start()
        await life.backfill(verify=False)
        excess: list[float] = []
        while len(excess) < TRIES and not (excess and min(excess) < 5):  # the machine may be busy at times
            began = time.monotonic()
            await life.verify()
            compared = time.monotonic() - began
            began = time.monotonic()
            for _ in range(10):
                await life.value("SELECT count(*) FROM t")
            excess.append(compared - 10 * (time.monotonic() - began))
        assert min(excess) < 5
