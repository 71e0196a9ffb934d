"""Defaults: what nobody gave is never taken for what somebody gave, and ours evaluates nothing that the
application did not.
"""

import pytest

from expandcontract.model.phases import Section
from tests.acceptance.cycle import living
from tests.acceptance.script import scripted

RENAME = {"column": "t.state", "new_name": "status"}
PAIR = "SELECT state, status FROM t WHERE id = $1"


@pytest.mark.parametrize("old_default", ["", "DEFAULT 'new'"])
async def test_a_default_that_new_code_brings_along(database: str, old_default: str) -> None:
    """Its migration sets another default on the new side once that is ready: what old code inserts stays, a
    value that is the old default among them; what new code gives counts.
    """
    given = f"CREATE TABLE t (id int PRIMARY KEY, state varchar(20) {old_default})"
    async with scripted(database, "rename-column", RENAME, given) as life:
        await life.ready()
        await life.sql("""
            ALTER TABLE t ALTER status SET DEFAULT 'fresh';
            INSERT INTO t (id, state) VALUES (1, 'sold'), (2, 'new'), (3, 'fresh');
            INSERT INTO t (id, status) VALUES (4, 'gone'), (5, 'new');
        """)
        assert await life.rows("SELECT id, state, status FROM t ORDER BY id") == [
            (1, "sold", "sold"),
            (2, "new", "new"),
            (3, "fresh", "fresh"),
            (4, "gone", "gone"),
            (5, "new", "new"),
        ]
        assert await life.conflicts() == []
        await life.sql("ALTER TABLE t ALTER status SET DEFAULT to_char(clock_timestamp(), 'YYYY')")
        await life.sql("INSERT INTO t (id, state) VALUES (6, 'kept')")
        assert await life.rows(PAIR, 6) == [("kept", "kept")]


async def test_another_default_of_the_old_side(database: str) -> None:
    """Somebody changes it after ready: what new code gives stays and is no conflict."""
    given = "CREATE TABLE t (id int PRIMARY KEY, state text DEFAULT 'new')"
    async with scripted(database, "rename-column", RENAME, given) as life:
        await life.ready()
        await life.sql("ALTER TABLE t ALTER state SET DEFAULT 'newer'")
        await life.sql(
            "INSERT INTO t (id, status) VALUES (1, 'gone'); INSERT INTO t (id, state) VALUES (2, 'x')"
        )
        assert await life.rows("SELECT state, status FROM t ORDER BY id") == [("gone", "gone"), ("x", "x")]
        assert await life.conflicts() == []


async def test_status_and_gate_name_a_default_until_the_function_is_made_anew(database: str) -> None:
    """The default that came later is a fault of the sync, which a repair takes note of."""
    given = "CREATE TABLE t (id int PRIMARY KEY, state text DEFAULT 'new'); INSERT INTO t VALUES (1)"
    async with living(database, "rename-column", RENAME, given) as life:
        await life.ready()
        await life.sql("ALTER TABLE t ALTER status SET DEFAULT 'fresh'")
        (fault,) = (await life.situation()).live.sync_faults
        assert "Column status has another default ('fresh'::text)" in fault
        await life.backfill()
        assert (await life.situation()).live.sync_faults == ()
        assert await life.value(
            "SELECT column_default FROM information_schema.columns WHERE column_name = 'status'"
        )


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    "default", ["current_setting('app.tenant')", "secret()", "nextval('numbers')::text"], ids=str
)
async def test_a_default_that_the_application_never_evaluates(database: str, default: str) -> None:
    """A setting that its session lacks, a function that it may not execute, and a sequence that it may not
    use: it always gives the column, and its writes go through from dual_write to purge.
    """
    name = database.split("/")[3].partition("?")[0]
    role = f"app_{name}"
    given = f"""
        CREATE ROLE {role} LOGIN; CREATE SEQUENCE numbers;
        CREATE FUNCTION secret() RETURNS text LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN pg_catalog.current_setting('secret.of'); END $$;
        REVOKE ALL ON FUNCTION secret() FROM PUBLIC;
        CREATE TABLE t (id int PRIMARY KEY, state text NOT NULL DEFAULT {default}); GRANT ALL ON t TO {role};
    """
    async with scripted(database, "rename-column", RENAME, given) as life:

        async def write(number: int, side: str) -> None:
            await life.sql(f"""SET ROLE {role};
                INSERT INTO t (id, {side}) VALUES ({number}, 'given');
                UPDATE t SET {side} = 'changed' WHERE id = {number}; RESET ROLE""")

        for number, section in enumerate((Section.DUAL_WRITE, Section.BACKFILL)):
            await life.run(*((Section.EXPAND, section) if number == 0 else (section,)))
            await write(number, "state")
        for number, (turn, side) in enumerate(
            [
                (Section.CONTRACT, "status"),
                (Section.UNDO, "state"),
                (Section.CONTRACT, "status"),
                (Section.PURGE, "status"),
            ],
            start=2,
        ):
            await life.run(turn)
            await write(number, side)
        assert await life.rows("SELECT DISTINCT status FROM t") == [("changed",)]
        assert await life.value("SELECT is_called FROM numbers") is False
        await life.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_default_of_null_is_none(database: str) -> None:
    """`DEFAULT NULL::varchar`, as dumps write it, is told of by no note."""
    given = "CREATE TABLE t (id int PRIMARY KEY, state varchar(9) DEFAULT NULL::varchar)"
    async with scripted(
        database, "change-type", {"column": "t.state", "type": "text", "to": "status"}, given
    ) as life:
        assert [note.code for note in (await life.plan()).hazards if note.code.startswith("default")] == []


async def test_json_to_jsonb_with_a_default(database: str) -> None:
    """What old code inserts and what it leaves out goes through."""
    given = """CREATE TABLE t (id int PRIMARY KEY,
        state json NOT NULL DEFAULT '{}', other json DEFAULT '{"a":1}')"""
    for column in ("state", "other"):
        fields = {"column": f"t.{column}", "type": "jsonb", "to": f"{column}_b", "unfit": "accept"}
        async with scripted(database, "change-type", fields, given) as life:
            given = "SELECT"
            for number, section in enumerate((Section.DUAL_WRITE, Section.BACKFILL)):
                await life.run(*((Section.EXPAND, section) if number == 0 else (section,)))
                await life.sql("DELETE FROM t; INSERT INTO t (id) VALUES (1); UPDATE t SET id = 2")
                await life.sql(f"""INSERT INTO t (id, {column}) VALUES (3, '{{"b":2}}')""")
                await life.sql(f"""INSERT INTO t (id, {column}_b) VALUES (4, '{{"b":2}}')""")
                assert await life.mismatches() == 0
            assert await life.conflicts() == []
