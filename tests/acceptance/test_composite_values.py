"""A composite value with a NULL in it is a value: IS NOT NULL is not true of it, and IS NULL may be."""

from expandcontract.model.phases import Section
from tests.acceptance.script import scripted

_GIVEN = """
CREATE TYPE part AS (a text, b int);
CREATE TABLE t (id int PRIMARY KEY, name part NOT NULL, x int);
INSERT INTO t VALUES (1, ROW('a', 1)), (2, ROW('b', NULL)), (3, ROW(NULL, NULL))
"""
_RENAME = {"column": "t.name", "new_name": "label"}
_BOTH = "SELECT id, name::text, label::text FROM t ORDER BY id"


async def test_what_new_code_writes_before_ready_stays(database: str) -> None:
    """Neither is such a value taken for silence, nor for a row that is not filled yet."""
    async with scripted(database, "rename-column", _RENAME, _GIVEN) as change:
        await change.start()
        await change.sql("UPDATE t SET label = ROW('new', NULL) WHERE id = 1")
        await change.sql("UPDATE t SET label = ROW(NULL, NULL) WHERE id = 2")
        await change.sql("UPDATE t SET x = 1")
        await change.sql("UPDATE t SET name = ROW('old', NULL) WHERE id = 3")
        await change.sql("INSERT INTO t (id, label) VALUES (4, ROW('ins', NULL))")
        values = {1: "(new,)", 2: "(,)", 3: "(old,)", 4: "(ins,)"}
        assert await change.rows(_BOTH) == [(id_, value, value) for id_, value in values.items()]
        assert await change.conflicts() == []


async def test_an_insert_without_a_list_of_columns_means_the_new_side_after_contract(database: str) -> None:
    """It reaches the hidden column, which gives it to the new one."""
    async with scripted(database, "rename-column", _RENAME, _GIVEN) as change:
        await change.ready()
        await change.contract()
        await change.sql(
            "INSERT INTO t VALUES (4, ROW('x', NULL), 7), (5, ROW(NULL, NULL), 7), (6, ROW('y', 1), 7)"
        )
        labels = "SELECT label::text FROM t WHERE id > 3 ORDER BY id"
        assert await change.rows(labels) == [("(x,)",), ("(,)",), ("(y,1)",)]


async def test_a_rule_not_null_refuses_no_composite_value(database: str) -> None:
    """Neither while it is settled, nor afterwards: PostgreSQL's own NOT NULL takes them all."""
    async with scripted(database, "rename-column", _RENAME, _GIVEN) as change:
        await change.start()
        for step in change.planned.steps(Section.BACKFILL):
            await change.step(step)
            await change.sql("UPDATE t SET label = ROW('w', NULL), x = coalesce(x, 0) + 1 WHERE id = 1")
            await change.sql("UPDATE t SET name = ROW(NULL, NULL) WHERE id = 1")
        assert await change.mismatches() == 0
