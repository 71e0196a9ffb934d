"""Partitions and children that are dropped, detached or replaced by retention, at any time of a change."""

import pytest

from expandcontract.model.events import Notice
from expandcontract.model.phases import Stage
from tests.acceptance.cycle import Life, living
from tests.acceptance.moments import at, elsewhere

CHANGE = ("rename-column", {"column": "t.name", "new_name": "label"})
PARTS = """
CREATE TABLE t (id int, name text NOT NULL CHECK (name <> '')) PARTITION BY RANGE (id);
CREATE INDEX ix_t_name ON t (name);
DO $$ BEGIN FOR i IN 1..7 LOOP
    EXECUTE format('CREATE TABLE p%s PARTITION OF t FOR VALUES FROM (%s) TO (%s)', i, i * 100, i * 100 + 100);
END LOOP; END $$;
INSERT INTO t SELECT i, 'name ' || i FROM generate_series(100, 799) i
"""
CHILDREN = """
CREATE TABLE t (id int, name text NOT NULL);
CREATE INDEX ix_t_name ON t (name);
CREATE TABLE p1 () INHERITS (t); CREATE TABLE p2 () INHERITS (t); CREATE TABLE p3 () INHERITS (t);
CREATE TABLE p4 () INHERITS (t); CREATE TABLE p5 () INHERITS (t); CREATE TABLE p6 () INHERITS (t);
INSERT INTO t SELECT i, 'top' FROM generate_series(1, 9) i;
INSERT INTO p1 SELECT 1, 'x'; INSERT INTO p6 SELECT 6, 'y'
"""


async def test_partitions_that_leave_are_not_missed(database: str) -> None:
    """One at each moment: while rows are copied, indexes built and rows compared, after the proof, after
    contract, and before purge. Nothing fails, nothing is done twice, and the proof of the others holds.
    """
    async with living(database, *CHANGE, PARTS, to=Stage.BEFORE_READY) as life:
        with at("copy.batch.committed", lambda: elsewhere(database, "DROP TABLE p1")):
            await life.backfill(verify=False, batch=30)
        replaced = "DROP TABLE p2; CREATE TABLE p2 PARTITION OF t FOR VALUES FROM (200) TO (300)"
        await life.sql(f"{replaced}; INSERT INTO t (id, name) VALUES (200, 'new')")
        await life.backfill()
        with at("compare.slice.committed", lambda: elsewhere(database, "DROP TABLE p3")):
            await life.verify()
        assert not [e for e in life.heard if isinstance(e, Notice) and e.text.startswith("Comparing anew")]
        await life.sql("ALTER TABLE t DETACH PARTITION p4")
        await life.contract()
        await life.sql("DROP TABLE p5")
        await life.undo()
        await life.backfill()
        await life.contract()
        await life.sql("ALTER TABLE t DETACH PARTITION p6; DROP TABLE p6")
        await life.purge()
        assert await life.rows("SELECT count(*), count(label) FROM t") == [(101, 101)]


async def test_a_partition_that_leaves_before_its_index_is_built(database: str) -> None:
    """Its step is passed over; one that is detached gets none either."""
    async with living(database, *CHANGE, PARTS, to=Stage.BEFORE_READY) as life:
        gone = ("DROP TABLE p7", "ALTER TABLE t DETACH PARTITION p6")
        with at("backfill.copy.recorded", lambda: elsewhere(database, *gone)):
            await life.backfill()
        query = "SELECT count(*) FROM pg_indexes WHERE tablename = $1"
        assert [await life.value(query, name) for name in ("p5", "p6", "p7")] == [2, 1, 0]
        assert (await life.situation()).ready


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("verb", ["rollback", "contract"])
async def test_children_by_inheritance_that_leave(database: str, verb: str) -> None:
    """The plan names each of them: what is not there any more is neither locked nor altered."""
    async with living(database, *CHANGE, CHILDREN, to=Stage.BEFORE_READY) as life:
        await life.sql("DROP TABLE p1; ALTER TABLE p2 NO INHERIT t")
        await life.backfill()
        await life.sql("DROP TABLE p3")
        await _to_the_end(life, verb)
        left = "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('p2'::regclass, 'p6'::regclass)"
        assert await life.value(left) == 0


async def _to_the_end(life: Life, verb: str) -> None:
    if verb == "rollback":
        await life.rollback()
        return
    await life.contract()
    await life.sql("DROP TABLE p4")
    await life.undo()
    await life.backfill()
    await life.contract()
    await life.sql("DROP TABLE p5")
    await life.purge()
