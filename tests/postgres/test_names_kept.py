"""A swap keeps the column's name: what names it goes on, or is made anew with the names."""

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.phases import Section
from tests.postgres.scripted import compiled, run

GIVEN = """
CREATE TABLE seen (what text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.seen VALUES (TG_NAME); RETURN NEW; END $$;
CREATE TABLE t (id int PRIMARY KEY, v int, other int){parts};
{more}
INSERT INTO t VALUES (1, 1, 1);
CREATE TRIGGER "Of v" BEFORE UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER whenever AFTER UPDATE ON t FOR EACH ROW
    WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION see();
CREATE TRIGGER off AFTER UPDATE OF v, other ON t FOR EACH STATEMENT EXECUTE FUNCTION see();
ALTER TABLE t DISABLE TRIGGER off; COMMENT ON TRIGGER off ON t IS 'not now'
"""
PARTS = (" PARTITION BY RANGE (id)", "CREATE TABLE t1 PARTITION OF t DEFAULT;")
#: What a trigger is, but for the number of its column.
TRIGGERS = """
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger')
FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^[~!]e' ORDER BY 1, 2
"""


@pytest.mark.parametrize("shape", [("", ""), PARTS], ids=["table", "partitions"])
async def test_triggers_that_name_the_column_go_on(database: str, shape: tuple[str, str]) -> None:
    """After contract, after undo, after the next contract and purge: the same triggers fire for the same
    writes.
    """
    conn = await asyncpg.connect(database)
    try:
        await conn.execute(GIVEN.format(parts=shape[0], more=shape[1]))
        before = await conn.fetch(TRIGGERS)
        spec = {"column": "t.v", "type": "bigint", "swap": True}
        plan = await compiled(database, Change("0001_t", "change-type", spec))
        assert plan.remade == ('"Of v" ON public.t', "off ON public.t", "whenever ON public.t")
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)
        for section in (Section.CONTRACT, Section.UNDO, Section.CONTRACT, Section.PURGE):
            await run(conn, plan, section)
            assert await conn.fetch(TRIGGERS) == before, section
            await conn.execute("TRUNCATE seen; UPDATE t SET other = other + 1; UPDATE t SET v = v + 1")
            seen = [row[0] for row in await conn.fetch("SELECT what FROM seen ORDER BY 1")]
            assert seen == ["Of v", "whenever"], section
    finally:
        await conn.close()
