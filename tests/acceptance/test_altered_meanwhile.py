"""What others do to the table between two batches or two slices: leaves come and go, rows move, also all of
them at once.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from expandcontract.model import killpoints
from expandcontract.model.errors import Mismatches
from expandcontract.model.events import Notice
from expandcontract.model.phases import Stage
from expandcontract.testing.server import Server
from tests.acceptance.cycle import Life, living

ROWS = 3_000
FIELDS = {"column": "t.name", "new_name": "label"}
PLAIN = f"""
CREATE TABLE t (id int PRIMARY KEY, name text);
INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, {ROWS}) n
"""
PARTITIONED = f"""
CREATE TABLE t (id int, name text) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (1000);
CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (1000) TO (100000);
INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, {ROWS}) n
"""
#: A table whose rows are out of sync, as a load that knows the new column but not the change would leave it.
COMES = """
CREATE TABLE t_3 (LIKE t); INSERT INTO t_3 SELECT n, 'late ' || n FROM generate_series(200001, 200500) n;
ALTER TABLE t ATTACH PARTITION t_3 FOR VALUES FROM (200000) TO (300000)
"""
OUT_OF_SYNC = "SELECT count(*) FROM t WHERE label IS DISTINCT FROM name"


@contextmanager
def _at(point: str, act: Callable[[], None], *, after: int = 3, times: int = 1) -> Iterator[list[int]]:
    """Act when the point is reached for the `after`th time, and this often; yield how often it was."""
    reached, acted = 0, [0]

    def watch(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached >= after and acted[0] < times:
            acted[0] += 1
            act()

    killpoints.watch(watch)
    try:
        yield acted
    finally:
        killpoints.watch(None)


def _sql(server: Server, url: str, *statements: str) -> Callable[[], None]:
    """Return what another session does, in one go: between two statements of ours, whatever they lock."""
    commands = [part for statement in statements for part in ("-c", statement)]

    def act() -> None:
        program = [str(server.bin("psql")), "-XqAtd", url, "-v", "ON_ERROR_STOP=1", *commands]
        subprocess.run(program, check=True, capture_output=True, timeout=120)

    return act


def _told(life: Life, words: str) -> bool:
    return any(words in event.text for event in life.heard if isinstance(event, Notice))


async def test_a_leaf_that_is_attached_while_rows_are_copied_is_copied_too(
    server: Server, database: str
) -> None:
    """Its rows were never in sync; another round finds them, before the change is ready."""
    async with living(database, "rename-column", FIELDS, PARTITIONED, to=Stage.BEFORE_READY) as life:
        with _at("copy.batch.committed", _sql(server, database, *COMES.split(";"))) as acted:
            situation = await life.backfill(batch=100)
        assert acted == [1]
        assert situation.proof is not None
        assert situation.proof.rows_compared == ROWS + 500
        assert await life.value(OUT_OF_SYNC) == 0
        assert _told(life, "Looking through all rows once more")


async def test_a_leaf_that_is_attached_while_rows_are_compared_is_not_passed(
    server: Server, database: str
) -> None:
    """The comparison begins anew, finds its rows, and says how many; a backfill takes them in."""
    async with living(database, "rename-column", FIELDS, PARTITIONED, to=Stage.BEFORE_READY) as life:
        await life.backfill(verify=False)
        with (
            _at("compare.slice.committed", _sql(server, database, *COMES.split(";")), after=1) as acted,
            pytest.raises(Mismatches, match=f"500 of {ROWS + 500:,} rows"),
        ):
            await life.verify()
        assert acted == [1]
        assert (await life.backfill()).proof is not None
        assert await life.value(OUT_OF_SYNC) == 0
        await life.contract()


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    "gone",
    ["ALTER TABLE t DETACH PARTITION t_2; UPDATE t_2 SET name = 'no longer in sync'", "DROP TABLE t_2"],
    ids=["detached", "dropped"],
)
@pytest.mark.parametrize("point", ["copy.batch.committed", "compare.slice.committed"])
async def test_a_leaf_that_goes_while_rows_are_swept_stops_nothing(
    server: Server, database: str, gone: str, point: str
) -> None:
    """What is left of the table is copied and proven, and contract may run. The proof is of that alone: what
    was compared of a leaf that is no longer part counts neither as compared nor as a mismatch.
    """
    async with living(database, "rename-column", FIELDS, PARTITIONED, to=Stage.BEFORE_READY) as life:
        with _at(point, _sql(server, database, gone), after=1) as acted:
            situation = await life.backfill(batch=100)
        assert acted == [1]
        assert situation.proof is not None
        assert situation.proof.rows_compared == 999
        assert await life.value(OUT_OF_SYNC) == 0
        await life.contract()


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    "rewrite", ["VACUUM FULL t", "CLUSTER t USING t_pkey", "ALTER TABLE t ALTER id TYPE bigint"]
)
@pytest.mark.parametrize("point", ["copy.batch.committed", "compare.slice.committed"])
async def test_a_table_that_is_rewritten_while_rows_are_swept(
    server: Server, database: str, rewrite: str, point: str
) -> None:
    """Every row lies elsewhere then: each is copied once, each is compared, and the proof holds."""
    async with living(
        database, "rename-column", FIELDS, PLAIN + "; DELETE FROM t WHERE id <= 700", to=Stage.BEFORE_READY
    ) as life:
        with _at(point, _sql(server, database, rewrite), after=1) as acted:
            situation = await life.backfill(batch=100)
        assert acted == [1]
        assert situation.proof is not None
        assert (situation.proof.rows_compared, situation.proof.mismatches) == (ROWS - 700, 0)
        copied = "SELECT sum(rows) FROM expandcontract.chunk WHERE purpose = 'copy'"
        assert await life.value(copied) == ROWS - 700
        await life.contract()


async def test_rows_that_move_between_look_and_batch(server: Server, database: str) -> None:
    """Updated, moved to other pages, deleted, inserted again, aborted - before each of many batches, in the
    very blocks of the window: none is left out, none comes back, none keeps a value that was overwritten.
    """
    acts = [
        "UPDATE t SET name = name || ' u' WHERE id % 7 = 0",
        "UPDATE t SET name = repeat('long ', 300) || id WHERE id % 50 = 1",
        "DELETE FROM t WHERE id % 11 = 0",
        "INSERT INTO t SELECT n, 'again ' || n FROM generate_series(11, 900, 11) n ON CONFLICT DO NOTHING",
        "BEGIN; UPDATE t SET name = 'aborted'; ROLLBACK",
        "BEGIN; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; UPDATE t SET name = 's' WHERE id % 13 = 0; COMMIT",
        "UPDATE t SET id = id + 100000 WHERE id % 17 = 0 AND id % 11 > 0 AND id < 100000",
    ]
    async with living(database, "rename-column", FIELDS, PLAIN) as life:
        await life.sql("CREATE TABLE plain (LIKE t INCLUDING ALL); INSERT INTO plain TABLE t")
        await life.start()
        turn = iter(range(10_000))

        def act() -> None:
            statement = acts[next(turn) % len(acts)]
            both = [statement, statement.replace(" t ", " plain ").replace(" t;", " plain;")]
            _sql(server, database, *both)()

        with _at("copy.batch.before", act, after=1, times=2 * len(acts)) as acted:
            situation = await life.backfill(batch=100)
        assert acted == [2 * len(acts)]
        assert situation.proof is not None
        different = (
            "SELECT count(*) FROM t FULL JOIN plain p USING (id) WHERE p.name IS DISTINCT FROM t.label"
        )
        assert await life.value(different) == 0
        assert await life.value(OUT_OF_SYNC) == 0
