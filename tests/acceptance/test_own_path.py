"""Rows are written as the application writes them: what fires or is asked then finds what it names."""

import asyncpg

from expandcontract.model.phases import Stage
from tests.acceptance.cycle import living

GIVEN = """
CREATE SCHEMA shop;
CREATE TABLE shop.audit (id int, name text, path text);
CREATE TABLE shop.allowed (least int);
INSERT INTO shop.allowed VALUES (0);
CREATE TABLE shop.users (id int PRIMARY KEY, name text);
CREATE FUNCTION shop.audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit VALUES (NEW.id, NEW.name, current_setting('search_path'));
    RETURN NULL;
END $$;
CREATE FUNCTION shop.fits(id int) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RETURN id >= (SELECT least FROM allowed); END $$;
ALTER TABLE shop.users ADD CHECK (shop.fits(id));
INSERT INTO shop.users SELECT g, 'name ' || g FROM generate_series(1, 50) g;
CREATE TRIGGER audited AFTER INSERT OR UPDATE ON shop.users FOR EACH ROW EXECUTE FUNCTION shop.audited();
"""


async def test_triggers_and_checks_find_tables_that_they_name_without_a_schema(database: str) -> None:
    """A hand-written audit trigger, and a CHECK that asks another table, work in the copy as they do for the
    application, whose search_path the database sets.
    """
    conn = await asyncpg.connect(database)
    try:
        name = await conn.fetchval("SELECT current_database()")
        await conn.execute(f"ALTER DATABASE {name} SET search_path = shop, public; SET search_path = shop")
        await conn.execute(GIVEN)
    finally:
        await conn.close()
    fields = {"column": "shop.users.name", "new_name": "title"}
    async with living(database, "rename-column", fields) as life:
        situation = await life.ready()
        assert situation.stage == Stage.READY
        assert await life.value("SELECT count(*) FROM shop.users WHERE title = name") == 50
        assert await life.value("SELECT count(DISTINCT id) FROM shop.audit WHERE path = 'shop, public'") == 50
