"""After a swap every session's triggers work on: plpgsql compiled them with the type that the column had."""

import asyncpg
import pytest

from expandcontract.model.change import Change
from expandcontract.model.phases import Section
from tests.postgres.scripted import compiled, run

_GIVEN = """
CREATE FUNCTION slug() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.slug := lower(NEW.name); RETURN NEW; END $$;
CREATE TABLE log (was text, is_now text);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.log VALUES (OLD.name, NEW.name); RETURN NULL; END $$;
CREATE TABLE t (id int PRIMARY KEY, name text, slug text){parts};
{more}
INSERT INTO t SELECT i, 'Name ' || i FROM generate_series(1, 4) i;
CREATE TRIGGER slug BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slug();
CREATE TRIGGER log AFTER UPDATE ON t FOR EACH ROW WHEN (NEW.id < 100) EXECUTE FUNCTION log();
CREATE TRIGGER off BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slug();
ALTER TABLE t DISABLE TRIGGER off; COMMENT ON TRIGGER off ON t IS 'not now';
{last}
"""
_PARTS = (
    " PARTITION BY RANGE (id)",
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (3); CREATE TABLE t2 PARTITION OF t DEFAULT;",
    "ALTER TABLE t1 DISABLE TRIGGER log; ALTER TABLE t2 ENABLE ALWAYS TRIGGER slug",
)
_TRIGGERS = """
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger')
FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '^[~!]e' ORDER BY 1, 2
"""


@pytest.mark.parametrize("shape", [("", "", ""), _PARTS], ids=["table", "partitions"])
async def test_a_session_from_before_goes_on(database: str, shape: tuple[str, str, str]) -> None:
    """Through contract, undo and another contract; and the triggers are what they were, part by part."""
    conn, session = await asyncpg.connect(database), await asyncpg.connect(database)
    try:
        parts, more, last = shape
        await conn.execute(_GIVEN.format(parts=parts, more=more, last=last))
        before = await conn.fetch(_TRIGGERS)
        spec = {"column": "t.name", "type": "varchar(40)", "swap": True}
        plan = await compiled(database, Change("0001_t", "change-type", spec))
        await run(conn, plan, Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL)
        await session.execute("UPDATE t SET name = 'First ' || id")
        for section in (Section.CONTRACT, Section.UNDO, Section.CONTRACT, Section.PURGE):
            await run(conn, plan, section)
            assert await conn.fetch(_TRIGGERS) == before, section
            await session.execute("UPDATE t SET name = $1 || id", f"{section} ")
            slugs = [row[0] for row in await session.fetch("SELECT slug FROM t ORDER BY id")]
            assert slugs == [f"{section} {number}" for number in (1, 2, 3, 4)]
            assert await session.fetchval("SELECT max(is_now) FROM log") == f"{section} 4"
            await session.execute("TRUNCATE log")
    finally:
        await conn.close()
        await session.close()
