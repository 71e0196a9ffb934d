"""Copying rows while applications write: every row exactly once, nobody waits, nothing is lost."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from expandcontract.model import killpoints
from expandcontract.model.errors import PoolerInTheWay, StepFailed
from expandcontract.sweep import SweepOptions, vacuum
from expandcontract.sweep.statements import copy, settings
from expandcontract.throttles import courtesy, rests
from tests.postgres.sweeping import TRIGGER, Swept, action, swept
from tests.waiting import SECONDS, until

pytestmark = pytest.mark.in_turn(2)

ROWS = 20_000
#: Enough that something can happen in the middle of copying them in small batches.
FEW = 6_000


async def test_every_row_is_written_once(database: str) -> None:
    """A copy writes each row that is out of sync, counts it once, and says so."""
    async with swept(database, rows=ROWS) as table:
        outcome = await table.sweep()
        assert (outcome.rows, outcome.finished, outcome.stopped_by) == (ROWS, True, None)
        assert await table.out_of_sync() == 0
        assert [(c["status"], c["next_block"] - c["end_block"]) for c in await table.chunks()] == [
            ("done", 0)
        ]


async def test_passes_keep_the_updates_hot(database: str) -> None:
    """Half of the updates of a dense table and more need no new index entries, and the ledger counts just
    those.
    """
    async with swept(database, rows=ROWS) as table:
        await table.raw.execute("CREATE INDEX ON things (old)")
        await table.sweep()
        hot = (await table.totals()).hot_rows
        assert hot > ROWS / 2
        await table.database.close()  # a session reports its counts when it ends

        async def counted() -> bool:
            query = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'things'"
            return tuple(await table.raw.fetchrow(query) or ()) == (ROWS, hot)

        await until(counted)


async def test_a_second_run_writes_nothing(database: str) -> None:
    """Over a finished table a sweep writes no row, and less than 4 bytes of WAL for each."""
    async with swept(database, rows=ROWS) as table:
        await table.sweep()
        await table.raw.execute("VACUUM things")
        wal = []
        for number in (2, 3):  # autovacuum writes as well, but not all the time
            before = await table.raw.fetchval("SELECT pg_current_wal_insert_lsn()")
            outcome = await table.again(round=number).sweep()
            wal.append(await table.raw.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before))
            assert (outcome.rows, outcome.finished) == (0, True)
        assert min(wal) < 4 * ROWS


async def test_a_repair_keeps_what_it_overwrites(database: str) -> None:
    """Where the trigger was off, a filled new side may hold the only copy of what new code wrote. It is
    overwritten, and stays in the ledger.
    """
    async with swept(database, rows=100) as table:
        await table.sweep()
        await table.raw.execute("""
            ALTER TABLE things DISABLE TRIGGER "~ec_sync";
            UPDATE things SET new = 'from new code' WHERE id = 7;
            UPDATE things SET new = NULL WHERE id = 8;
            ALTER TABLE things ENABLE ALWAYS TRIGGER "~ec_sync"
        """)
        outcome = await table.again(round=2).sweep()
        assert (outcome.rows, await table.out_of_sync()) == (2, 0)
        kept = await table.raw.fetch("SELECT kind, key, old_value, new_value FROM expandcontract.conflict")
        assert [tuple(row) for row in kept] == [("overwritten", '{"id": "7"}', "value 7", "from new code")]


@pytest.mark.parametrize("rows", [0, 1, 2])
async def test_tiny_tables(database: str, rows: int) -> None:
    """A table without rows is finished at once; one with a single page is copied."""
    async with swept(database, rows=rows) as table:
        outcome = await table.sweep(options=SweepOptions(workers=2))
        assert (outcome.rows, outcome.finished) == (rows, True)
        assert await table.out_of_sync() == 0


SHAPES = {
    "no primary key": "CREATE TABLE things (id bigint, old text, new text)",
    "partitioned": """
        CREATE TABLE things (id bigint PRIMARY KEY, old text, new text) PARTITION BY RANGE (id);
        CREATE TABLE "Odd ""part" PARTITION OF things FOR VALUES FROM (0) TO (7000);
        CREATE TABLE part_b PARTITION OF things FOR VALUES FROM (7000) TO (1000000) PARTITION BY HASH (id);
        CREATE TABLE part_b0 PARTITION OF part_b FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE part_b1 PARTITION OF part_b FOR VALUES WITH (MODULUS 2, REMAINDER 1)""",
    "columns of names that the statement uses": """
        CREATE TABLE things (id bigint PRIMARY KEY, old text, new text,
            number bool, page bool, share bool, block bool, t bool, mine bool, chosen bool, written bool)""",
    "composite key": """
        CREATE TABLE things (id bigint, other int DEFAULT 1, old text, new text, PRIMARY KEY (id, other))""",
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_shapes_of_tables(database: str, shape: str) -> None:
    """Neither a key nor an index is needed, and every leaf is copied."""
    async with swept(database, rows=ROWS, ddl=SHAPES[shape]) as table:
        outcome = await table.sweep()
        assert (outcome.rows, outcome.finished) == (ROWS, True)
        assert await table.out_of_sync() == 0


async def test_inheritance_children_are_copied(database: str) -> None:
    """A plain child's rows are copied as its parent's are, each through its own relation."""
    ddl = """CREATE TABLE things (id bigint PRIMARY KEY, old text, new text);
             CREATE TABLE child () INHERITS (things)"""
    fill = """INSERT INTO things (id, old) SELECT g, 'p' || g FROM generate_series(1, 500) g;
              INSERT INTO child (id, old) SELECT g, 'c' || g FROM generate_series(1, 700) g"""
    async with swept(database, ddl=ddl, fill=fill) as table:
        outcome = await table.sweep()
        assert outcome.rows == 1200
        assert await table.out_of_sync() == 0


async def test_workers_share_a_small_table(database: str) -> None:
    """Several workers each take chunks of a table that is smaller than one chunk, and no row is written
    twice.
    """
    async with swept(database, rows=60_000) as table:
        outcome = await table.sweep(options=SweepOptions(workers=3, batch=200))
        chunks = await table.chunks()
        assert outcome.rows == 60_000
        assert len({c["worker"] for c in chunks}) == 3
        assert all(c["attempts"] == 1 for c in chunks)
        assert await table.out_of_sync() == 0


@pytest.mark.parametrize("batch", [1, 100, 20_000])
async def test_a_fixed_batch_is_never_exceeded(database: str, batch: int) -> None:
    """With --batch N no transaction writes more than N rows, whatever the pages hold."""
    rows = 300 if batch == 1 else ROWS
    async with swept(database, rows=rows) as table:
        await table.raw.execute("ALTER TABLE things ADD writer xid8")
        await table.raw.execute("""
            CREATE FUNCTION sign() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.writer := pg_current_xact_id(); RETURN NEW; END $$;
            CREATE TRIGGER sign BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION sign()""")
        await table.sweep(options=SweepOptions(batch=batch))
        written = await table.raw.fetch("SELECT count(*) AS rows FROM things GROUP BY writer")
    assert sum(one["rows"] for one in written) == rows
    assert max(one["rows"] for one in written) <= batch


@pytest.mark.parametrize("batch", [100, 20_000])
async def test_a_batch_reads_its_blocks_and_nothing_else(database: str, batch: int) -> None:
    """Whatever the size of the batch and the statistics, the plan is a TID range scan and a fetch by TID:
    no sequential scan, no hash.
    """
    async with swept(database, rows=ROWS) as table:
        await table.raw.execute("ANALYZE things; CREATE INDEX ON things (new)")
        await table.raw.execute("SET search_path = ''")
        statements = copy(action(), "public.things", "expandcontract")
        chunk, blocks = "1, gen_random_uuid()", "'(0,0)', '(50,0)'"
        plans = [
            await _plan(table, statements.look, f"{blocks}, '(32,0)'"),
            await _plan(table, statements.share, f"{chunk}, 0, 49, {batch}, NULL, 1, 9"),
            await _plan(table, statements.rest, f"{chunk}, {blocks}, {batch}, NULL, 50"),
        ]
    for plan in plans:
        assert "Tid Range Scan on public.things" in plan
        assert "Seq Scan on public.things" not in plan
        assert "Hash" not in plan
    assert "Tid Scan on public.things" in plans[1]


async def _plan(table: Swept, statement: str, arguments: str) -> str:
    async with table.raw.transaction():
        await table.raw.execute(settings(local=True))
        await table.raw.execute(f"PREPARE it AS {statement}")
        plan = await table.raw.fetch(f"EXPLAIN (VERBOSE) EXECUTE it ({arguments})")
        await table.raw.execute("DEALLOCATE it")
    return "\n".join(row[0] for row in plan)


async def test_locked_rows_are_waited_for_and_nobody_waits_for_us(database: str) -> None:
    """A row that a session holds is skipped, told of, and written once the session lets go; the session
    itself never waits.
    """
    async with swept(database, rows=2_000) as table:
        holder: asyncpg.Connection[Any] = await asyncpg.connect(database)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM things WHERE id IN (3, 500, 501) FOR UPDATE")
        work = asyncio.create_task(table.sweep())

        async def waiting() -> bool:
            return any("3 rows" in notice and "locked" in notice for notice in table.notices)

        await until(waiting)
        assert await table.out_of_sync() == 3
        assert not work.done()
        await holder.execute("SET LOCAL lock_timeout = '1s'")
        await holder.execute("UPDATE things SET old = 'mine' WHERE id IN (3, 500, 501)")
        await transaction.rollback()
        outcome = await asyncio.wait_for(work, SECONDS)
        await holder.close()
        assert (outcome.rows, outcome.finished) == (2_000, True)
        assert await table.out_of_sync() == 0


async def test_writers_of_all_kinds_beside_the_copy(database: str) -> None:
    """Old and new writers, deletes and aborts in multi-row transactions: no error, no deadlock, and every
    row as its writer left it.
    """
    async with swept(database, rows=ROWS) as table:
        model = {row: f"value {row}" for row in range(1, ROWS + 1)}
        done = asyncio.Event()
        writers = [asyncio.create_task(_write(database, model, done, part)) for part in range(3)]
        written = table.raw.fetchval
        await until(lambda: written("SELECT count(*) > 10 FROM things WHERE old LIKE '% of %'"), *writers)
        outcome = await table.sweep(options=SweepOptions(workers=2, max_rate=15_000))
        done.set()
        await asyncio.gather(*writers)
        assert outcome.finished
        assert {row["id"]: row["new"] for row in await table.raw.fetch("SELECT id, new FROM things")} == model
        assert await table.out_of_sync() == 0


async def _write(url: str, model: dict[int, str], done: asyncio.Event, part: int) -> None:
    """Write rows of its own third in random order until `done`."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    chance, number = random.Random(part), 0
    while not done.is_set():
        number += 1
        wished: dict[int, str | None] = {}
        transaction = connection.transaction()
        await transaction.start()
        for row in chance.sample([row for row in model if row % 3 == part], 5):
            value = f"{number} of {part}"
            match chance.randrange(4):
                case 0:
                    await connection.execute("DELETE FROM things WHERE id = $1", row)
                    wished[row] = None
                case 1:
                    await connection.execute("UPDATE things SET new = $2 WHERE id = $1", row, value)
                    wished[row] = value
                case 2:
                    await connection.execute("UPDATE things SET old = $2 WHERE id = $1", row, value)
                    wished[row] = value
                case _:
                    await connection.execute("UPDATE things SET pad = $2 WHERE id = $1", row, value)
        if chance.random() < 0.2:
            await transaction.rollback()
            continue
        await transaction.commit()
        for row, wish in wished.items():
            if wish is None:
                del model[row]
            else:
                model[row] = wish
    await connection.close()


@pytest.mark.parametrize("statement", ["VACUUM FULL things", "CLUSTER things USING things_pkey"])
async def test_a_rewrite_in_the_middle(database: str, statement: str) -> None:
    """After a rewrite every row may lie anywhere: the new blocks are laid out, and still every row is
    written once.
    """
    async with swept(database, rows=FEW) as table:
        # Dead rows in front, so that the rewrite moves every row to another block.
        await table.raw.execute("DELETE FROM things WHERE id <= 1500")
        work = asyncio.create_task(table.sweep(options=SweepOptions(batch=50, max_rate=20_000)))
        await until(lambda: _some_rows(table))
        assert not work.done()
        await table.raw.execute(statement)
        outcome = await asyncio.wait_for(work, SECONDS)
        assert (outcome.rows, outcome.finished) == (FEW - 1500, True)
        assert await table.out_of_sync() == 0
        assert len({c["filenode"] for c in await table.chunks()}) == 2


async def _some_rows(table: Swept) -> bool:
    return (await table.totals()).rows > 1_000


async def test_truncate_in_the_middle(database: str) -> None:
    """A table that is emptied and filled again while it is copied is finished, with all of its new rows in
    sync.
    """
    async with swept(database, rows=FEW) as table:
        work = asyncio.create_task(table.sweep(options=SweepOptions(batch=50, max_rate=20_000)))
        await until(lambda: _some_rows(table))
        await table.raw.execute("TRUNCATE things")
        await table.raw.execute("INSERT INTO things (id, old) SELECT g, 'n' FROM generate_series(1, 10) g")
        outcome = await asyncio.wait_for(work, SECONDS)
        assert outcome.finished
        assert await table.out_of_sync() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE part_2",
        "ALTER TABLE part_2 RENAME TO renamed",
        "ALTER TABLE things DETACH PARTITION part_2",
    ],
)
async def test_a_partition_goes_in_the_middle(database: str, statement: str) -> None:
    """A leaf that is dropped, detached or renamed while its sibling is copied stops nothing."""
    ddl = """CREATE TABLE things (id bigint, old text, new text, pad text) PARTITION BY RANGE (id);
        CREATE TABLE part_1 PARTITION OF things FOR VALUES FROM (0) TO (3000);
        CREATE TABLE part_2 PARTITION OF things FOR VALUES FROM (3000) TO (100000)"""
    async with swept(database, rows=FEW, ddl=ddl) as table:
        work = asyncio.create_task(table.sweep(options=SweepOptions(batch=50, max_rate=5_000)))
        await until(lambda: _some_rows(table))
        await table.raw.execute(statement)
        await table.raw.execute(
            "INSERT INTO expandcontract.control (change_id, max_rate, changed_by) VALUES ($1, 1e9, 'test')",
            table.job.change_id,
        )
        assert (await asyncio.wait_for(work, SECONDS)).finished
        assert await table.out_of_sync() == 0


async def test_a_killed_connection_is_made_anew(database: str) -> None:
    """When the server ends our session the copy goes on with another, and loses or repeats nothing."""
    async with swept(database, rows=FEW) as table:
        work = asyncio.create_task(table.sweep(options=SweepOptions(batch=50, max_rate=20_000)))
        for _ in range(3):
            await until(lambda: _some_rows(table))
            await table.raw.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'ec%' AND datname = current_database()"
            )
        outcome = await asyncio.wait_for(work, SECONDS)
        assert (outcome.rows, outcome.finished) == (FEW, True)
        assert await table.out_of_sync() == 0


@pytest.mark.parametrize(("courteous", "rows", "seconds"), [(False, 300, 0.01), (True, 60, 0.06)])
async def test_a_batch_that_is_too_slow_is_halved(
    database: str, monkeypatch: pytest.MonkeyPatch, courteous: bool, rows: int, seconds: float
) -> None:
    """A batch that runs into its timeout is rolled back and tried again with half of its rows, also below
    the usual floor, and below that of courtesy.
    """
    monkeypatch.setattr(rests, "AT_FIRST", 0.0)
    monkeypatch.setattr(rests, "LONGEST", 0.001)
    monkeypatch.setattr(courtesy, "LINGERS_SECONDS", 100.0)
    async with swept(database, rows=rows) as table:
        await table.raw.execute(f"""
            CREATE FUNCTION public.slow(text) RETURNS text LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_catalog.pg_sleep({seconds}); RETURN $1; END $$""")
        assigned = replace(table.job.action, assignments=(("new", "public.slow(t.old)"),))
        slow = replace(table, job=replace(table.job, action=assigned), courteous=courteous)
        outcome = await slow.sweep()
        assert (outcome.rows, outcome.finished) == (rows, True)
        assert 0 < (await slow.chunks())[0]["batch"] < (50 if courteous else 100)


async def test_a_row_that_a_trigger_keeps_is_an_error(database: str) -> None:
    """A trigger that swallows our update is named as an error; the copy does not go on for ever."""
    async with swept(database, rows=100) as table:
        await table.raw.execute("""
            CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF OLD.id = 7 THEN RETURN NULL; END IF; RETURN NEW; END $$;
            CREATE TRIGGER swallow BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION swallow()""")
        with pytest.raises(StepFailed, match="1 rows"):
            await table.sweep()
        assert await table.out_of_sync() == 1
        assert [c["status"] for c in await table.chunks()] == ["pending"]


@pytest.mark.parametrize(
    ("each", "body", "key"),
    [
        ("ROW", "IF NEW.id = 70 THEN RAISE 'the period is closed'; END IF;", '{"id": 70}'),
        ("ROW", "IF NEW.id = 70 THEN INSERT INTO not_there VALUES (1); END IF;", '{"id": 70}'),
        ("STATEMENT", "INSERT INTO not_there SELECT id FROM news;", ""),
    ],
    ids=["raises", "names a table that is not there", "has a transition table"],
)
async def test_a_trigger_that_fails_is_named(database: str, each: str, body: str, key: str) -> None:
    """The copy stops at once, and says which trigger it was, for which row, and how to go on without it; what
    was written stays, and nothing is tried again without end.
    """
    async with swept(database, rows=100) as table:
        news = "REFERENCING NEW TABLE AS news" if each == "STATEMENT" else ""
        await table.raw.execute(f"""
            CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;
            CREATE TRIGGER closing AFTER UPDATE ON things {news} FOR EACH {each} EXECUTE FUNCTION closed()""")
        with pytest.raises(
            StepFailed, match=r"Trigger closing \(closed\) of .*things does not let"
        ) as failed:
            await table.sweep()
        assert key in failed.value.why
        assert "--no-user-triggers" in failed.value.next
        assert [c["status"] for c in await table.chunks()] == ["pending"]
        await table.raw.execute("DROP TRIGGER closing ON things")
        assert (await table.walk()).finished


async def test_an_error_of_the_server_stops_all_workers(database: str) -> None:
    """What does not pass by itself is raised as an error of ours, and the chunks are free again."""
    async with swept(database, rows=60_000) as table:
        await table.raw.execute("ALTER TABLE things ADD CHECK (new <> 'value 30000')")
        with pytest.raises(StepFailed, match="23514"):
            await table.sweep(options=SweepOptions(workers=2))
        assert "running" not in {c["status"] for c in await table.chunks()}
        await table.raw.execute("ALTER TABLE things DROP CONSTRAINT things_new_check")
        outcome = await table.walk()
        assert (outcome.rows, outcome.finished) == (60_000, True)


async def test_rows_of_a_table_without_the_trigger_are_still_found(database: str) -> None:
    """Rows that move forward because somebody writes them without the trigger lie behind the window then; a
    second round finds them.
    """
    async with swept(database, rows=1_000, trigger=False) as table:
        await table.sweep()
        await table.raw.execute("UPDATE things SET new = 'drift' WHERE id % 100 = 0")
        await table.raw.execute(TRIGGER)
        outcome = await table.again(round=2).sweep()
        assert outcome.rows == 10
        assert await table.out_of_sync() == 0


async def test_the_kill_points_of_a_copy(database: str) -> None:
    """Each batch passes the points before its statement and after it, so that a test can die at each."""
    async with swept(database, rows=5_000) as table:
        reached: list[str] = []
        killpoints.watch(reached.append)
        try:
            await table.sweep(options=SweepOptions(batch=500))
        finally:
            killpoints.watch(None)
        batch = ["copy.batch.before", "copy.batch.committed"]
        passed = [point for point in reached if point.startswith("copy.batch")]
        assert passed == batch * (len(passed) // 2)
        assert reached[-1] == "chunk.done"


async def test_behind_a_pooler_the_copy_is_the_same(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no session is its own, every batch is a pooled transaction."""
    async with swept(database, rows=FEW) as table:

        def in_the_way(**_: object) -> None:
            raise PoolerInTheWay("A pooler.")

        monkeypatch.setattr(table.database, "direct", in_the_way)
        outcome = await table.sweep(options=SweepOptions(batch=500))
        assert (outcome.rows, outcome.finished) == (FEW, True)
        assert await table.out_of_sync() == 0


async def test_rows_that_move_find_room_where_others_left(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A light VACUUM runs beside the copy whenever a tenth of the rows has moved, and is gone with it."""
    monkeypatch.setattr(vacuum, "LEAST_BLOCKS", 16)
    async with swept(database, rows=60_000) as table:
        await table.raw.execute("ALTER TABLE things SET (autovacuum_enabled = off)")
        await table.sweep(options=SweepOptions(batch=500))

        async def vacuumed() -> bool:
            return bool(
                await table.raw.fetchval(
                    "SELECT vacuum_count FROM pg_stat_all_tables WHERE relid = 'public.things'::regclass"
                )
            )

        await until(vacuumed)
        assert not await table.raw.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'VACUUM%' AND state = 'active'"
            " AND datname = current_database()"
        )
