"""A superuser carries a change of somebody else's table, whose owner wrote all that can be written to take a
superuser's rights: nothing of it gets them.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.engine.verbs import backfill, restore, start
from expandcontract.model.errors import EcError, Mismatches
from expandcontract.model.phases import Stage
from expandcontract.postgres.connect import Database
from expandcontract.postgres.owner_rights import foreign_owner
from expandcontract.postgres.query import value
from tests.acceptance.cycle import Expected, Life, living

#: Nobody but a superuser may write a file of the server, which neither a rollback nor READ ONLY takes back.
GIVEN = """
CREATE ROLE mallory;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE SCHEMA traps AUTHORIZATION mallory;
SET ROLE mallory;
CREATE TABLE traps.sprung (place text);
CREATE FUNCTION traps.took(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE pg_catalog.format('COPY (SELECT %L) TO %L', place, '{folder}/' || place);
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END $$;
CREATE FUNCTION traps.equal(pg_catalog.oid, pg_catalog.oid) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM traps.took('operator'); RETURN true; END $$;
CREATE OPERATOR traps.= (LEFTARG = pg_catalog.oid, RIGHTARG = pg_catalog.oid, FUNCTION = traps.equal);
CREATE FUNCTION traps.try(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt text;
    bold boolean := pg_catalog.to_regclass('traps.bold') IS NOT NULL;
BEGIN
    IF pg_catalog.to_regclass('traps.armed') IS NULL THEN
        RETURN;
    END IF;
    FOREACH attempt IN ARRAY ARRAY[
        'RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres',
        'SET CONSTRAINTS ALL DEFERRED; INSERT INTO traps.later VALUES (1)',
        'DEALLOCATE ALL', 'PREPARE ec_0 AS SELECT traps.took(''prepared'')',
        'PREPARE ec_1 AS SELECT traps.took(''prepared'')',
        'DECLARE held CURSOR WITH HOLD FOR SELECT traps.took(''cursor'')'
    ] || CASE WHEN bold THEN ARRAY[
        'CREATE TEMPORARY TABLE pg_class (oid oid)', 'CREATE TEMPORARY VIEW pg_type AS SELECT 1',
        'CREATE DOMAIN pg_temp.text AS pg_catalog.text
            CHECK (traps.took(''domain'')::pg_catalog.text IS NOT NULL)',
        'CREATE FUNCTION pg_temp.ec_as' || '_owner(unknown, unknown, unknown, unknown) RETURNS SETOF json
            LANGUAGE sql AS ''SELECT traps.took(''''overload'''')''',
        'SELECT pg_catalog.set_config(''search_path'', ''traps, pg_catalog'', false)',
        'ALTER TABLE IF EXISTS pg_temp.ec_owner_' || current_user::regrole::oid || ' RENAME TO pg_type',
        'CREATE TRIGGER t AFTER DELETE ON pg_temp.ec_answer EXECUTE FUNCTION traps.fires()',
        'SET CONSTRAINTS ALL DEFERRED'
    ] ELSE '{}' END LOOP
        BEGIN
            EXECUTE attempt;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
        PERFORM traps.took(place);
    END LOOP;
    INSERT INTO traps.sprung VALUES (place);
EXCEPTION WHEN read_only_sql_transaction THEN
    NULL;
END $$;
CREATE FUNCTION traps.value(value text, place text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM traps.try(place); RETURN value; END $$;
CREATE FUNCTION traps.fires() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM traps.try(TG_NAME); RETURN NEW; END $$;
CREATE TABLE traps.later (id int);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON traps.later DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION traps.fires();
CREATE TABLE t (
    id int PRIMARY KEY, name text DEFAULT traps.value('d', 'default'),
    CONSTRAINT named CHECK (name <> traps.value('x', 'check'))
);
CREATE INDEX ON t (traps.value(name, 'index')) WHERE name <> traps.value('x', 'predicate');
INSERT INTO t SELECT g, 'name ' || g FROM generate_series(1, 2) g;
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION traps.fires();
CREATE TRIGGER after AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION traps.fires();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION traps.fires();
CREATE TABLE traps.armed ();
RESET ROLE;
"""
RENAME = ("rename-column", {"column": "t.name", "new_name": "title"})
USING = "traps.value(name, 'using')"
TYPE = ("change-type", {"column": "t.name", "type": "text", "to": "b", "using": USING, "back": "b"})


class Anything(Expected):
    """Whatever the plan says of the traps is acknowledged; that they are somebody else's it does not say."""

    def __contains__(self, code: object) -> bool:
        return code != "foreign-owner"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder into which the server may write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@asynccontextmanager
async def given(database: str, folder: Path, change: tuple[str, dict[str, Any]]) -> AsyncIterator[Life]:
    """Give a superuser's change of mallory's table."""
    async with living(database, *change, GIVEN.replace("{folder}", str(folder))) as life:
        try:
            yield life
        finally:
            await life.sql("DROP OWNED BY mallory CASCADE; DROP ROLE mallory")


async def sprung(life: Life) -> set[str]:
    """Return which traps were run."""
    return {place for (place,) in await life.rows("SELECT DISTINCT place FROM traps.sprung")}


def got(folder: Path) -> set[str]:
    """Return which traps had a superuser's rights."""
    return {each.name for each in folder.iterdir()}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("change", [RENAME, TYPE], ids=["rename", "type"])
async def test_a_whole_life_lends_the_owner_no_rights(
    database: str, folder: Path, change: tuple[str, dict[str, Any]]
) -> None:
    """From start to purge, with everything that fires or is evaluated; all of it ran, as the owner."""
    async with given(database, folder, change) as life:
        assert (await life.ready(acknowledged=Anything())).stage == Stage.READY
        assert {"before", "after", "deferred", "check", "predicate"} <= await sprung(life)
        # The test's own session is a superuser's.
        await life.sql("ALTER TABLE traps.armed RENAME TO unarmed")
        new = change[1].get("new_name", "b")
        assert await life.value(f"SELECT count(*) FROM t WHERE {new} = name") == 2
        await life.sql("ALTER TABLE traps.unarmed RENAME TO armed")
        assert (await life.verify()).stage == Stage.READY
        await life.rollback()
        await life.ready(acknowledged=Anything())
        await life.verify()
        await life.contract()
        await life.undo()
        await life.verify()
        await life.contract()
        await life.purge()
        assert got(folder) == set()
        # The traps can tell: this session has the rights.
        await life.sql("ALTER TABLE traps.armed RENAME TO unarmed; SELECT traps.took('here')")
        assert got(folder) == {"here"}


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("armed", ["plan", "copy"])
async def test_nothing_left_in_the_session_lends_them_either(database: str, folder: Path, armed: str) -> None:
    """Objects that would be found before those of the catalog, settings, what is deferred: they spoil the
    owner's own change, at most.
    """
    async with given(database, folder, TYPE) as life:
        if armed == "plan":
            await life.sql("CREATE TABLE traps.bold ()")
        with contextlib.suppress(EcError, DBAPIError):
            await life.start(acknowledged=Anything())
            await life.sql("CREATE TABLE IF NOT EXISTS traps.bold ()")
            await life.backfill()
        with contextlib.suppress(EcError, DBAPIError):
            await life.verify()
        assert got(folder) == set()


TAME = """
CREATE ROLE tame;
GRANT CREATE ON SCHEMA public TO tame;
SET ROLE tame;
CREATE TABLE users (id int PRIMARY KEY, name text, CHECK (name <> ''));
CREATE INDEX ON users (lower(name));
INSERT INTO users SELECT g, 'Name ' || g FROM generate_series(1, 40) g;
RESET ROLE;
"""
LOSSY = {
    "column": "users.name",
    "type": "text",
    "to": "handle",
    "using": "lower(name)",
    "back": "CASE WHEN handle IS NOT NULL THEN initcap(handle) END",
}


async def test_with_the_owners_rights_every_verb_does_what_it_does_with_its_own(database: str) -> None:
    """Copy, comparison with its samples and values, repair, keeping and giving back, and what undo would
    lose: on a table of somebody else as on one of the operator's.
    """
    async with living(database, "change-type", LOSSY, TAME) as life:
        try:
            assert (await life.ready()).proof is not None
            await life.sql("UPDATE users SET handle = upper(handle) WHERE id <= 5")
            trigger = (await life.situation()).plan.trigger
            await life.sql(f"""BEGIN; ALTER TABLE users DISABLE TRIGGER USER;
                UPDATE users SET handle = 'drifted' WHERE id = 9;
                ALTER TABLE users ENABLE ALWAYS TRIGGER "{trigger}"; COMMIT""")
            with pytest.raises(Mismatches, match="1 of 40 rows") as found:
                await life.verify(show_values=True)
            assert "id=9" in found.value.why
            assert (await life.backfill()).proof is not None
            assert ("overwritten", "Name 9", "drifted") in await life.conflicts()
            await life.rollback()
            await life.ready()
            assert (await restore.restore(life.context, life.name)).written == 5
            assert await life.value("SELECT handle FROM users WHERE id = 3") == "NAME 3"
            assert (await life.verify()).proof is not None
            await life.contract()
            assert (await life.undo()).stage == Stage.READY
            assert await life.value("SELECT count(*) FROM users WHERE name = 'Name ' || id") == 40
            # The sessions are open still.
            left = "SELECT count(*) FROM pg_type WHERE typnamespace::regnamespace::text LIKE 'pg_temp%'"
            assert await life.value(left) == 0
        finally:
            await life.sql("DROP OWNED BY tame CASCADE; DROP ROLE tame")


async def test_a_member_of_several_owners_lends_none_of_them_the_others_rights(database: str) -> None:
    """Nor does it take a superuser; who only looks on beside, or is a worker, needs no such thing."""
    async with living(database, "change-type", LOSSY, TAME) as life:
        try:
            await life.sql("""
                CREATE ROLE rich; CREATE TABLE treasure (id int); ALTER TABLE treasure OWNER TO rich;
                CREATE ROLE ann LOGIN; GRANT tame, rich TO ann; GRANT CREATE ON SCHEMA public TO ann;
                CREATE ROLE bob LOGIN; GRANT tame, pg_monitor TO bob;
                CREATE ROLE eve LOGIN; GRANT rich TO eve;
                GRANT ALL ON ALL TABLES IN SCHEMA expandcontract TO ann;
                GRANT ALL ON ALL SEQUENCES IN SCHEMA expandcontract TO ann;
                GRANT USAGE ON SCHEMA expandcontract TO ann;
                GRANT USAGE, CREATE ON SCHEMA expandcontract_sync TO ann;
                DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ann', current_database()); END $$;
                CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN EXECUTE 'SET ROLE rich'; DELETE FROM treasure; RETURN NEW; END $$;
                ALTER FUNCTION steal() OWNER TO tame; INSERT INTO treasure VALUES (1);
                CREATE TRIGGER steal BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION steal()""")
            for role, owner in (("ann", "tame"), ("bob", None), ("eve", None), ("tame", None)):
                async with life.context.database.transaction() as conn:
                    await conn.exec_driver_sql(f"SET LOCAL SESSION AUTHORIZATION {role}")
                    whose = foreign_owner("'public.users'::regclass")
                    query = f"SELECT pg_get_userbyid({whose}::oid)"
                    assert await value(conn, query) == owner
            far = Database(database.replace("postgres@", "ann@"))
            context = replace(life.context, database=far)
            try:
                await start.start(context, life.change, start.Consent(acknowledged=Expected()))
                with pytest.raises(EcError, match='cannot set parameter "role" within security-restricted'):
                    await backfill.backfill(context, life.name)
            finally:
                await far.close()
            assert await life.value("SELECT count(*) FROM treasure") == 1
            await life.sql("DROP TRIGGER steal ON users")
            assert (await life.backfill()).stage == Stage.READY
        finally:
            await life.sql("""DROP OWNED BY tame, rich, ann CASCADE;
                DROP ROLE tame, rich, bob, ann, eve""")
