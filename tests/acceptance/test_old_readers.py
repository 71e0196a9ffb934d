"""Who still uses the old side, as pg_stat_statements tells it: on Debian's PostgreSQL 15, which has it."""

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine import old_reader_watch
from expandcontract.engine.verbs import control, doctor, status, wait
from expandcontract.model.errors import GateShut, TimeIsUp
from expandcontract.model.phases import State
from expandcontract.model.policy import Policy
from expandcontract.model.situation import Situation
from expandcontract.model.users import OldReader, Source
from expandcontract.model.verdict import Verdict
from expandcontract.postgres import statements
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import ERRAND
from expandcontract.testing.server import Server, available_versions
from tests.acceptance.cycle import POLICY, Life, acknowledge, living
from tests.conftest import LEDGER, SETTINGS, VERSION, lay_ledger

WITH_CONTRIB = 15
#: Of a test on that server, which a fresh machine does not have.
counted = pytest.mark.slow
GIVEN = """
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE TABLE users (id int PRIMARY KEY, name text UNIQUE, age int);
CREATE VIEW people AS SELECT id, name AS label FROM users;
CREATE TABLE notes (id int PRIMARY KEY, name text);
INSERT INTO users (id, name, age) SELECT g, 'name ' || g, g FROM generate_series(1, 50) g;
"""
BOTH = {
    "rename-column": {"column": "users.name", "new_name": "full_name"},
    "change-type": {"column": "users.name", "type": "varchar(50)", "to": "full_name"},
}
ONE_SECOND = Policy(quiet_for=timedelta(seconds=1), lock_budget=timedelta(seconds=20))


@pytest.fixture(scope="module")
def counting() -> Iterator[Server]:
    """Give a server that counts statements."""
    if WITH_CONTRIB not in available_versions():
        pytest.skip(f"needs PostgreSQL {WITH_CONTRIB}")
    settings = {
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "all",
        "pg_stat_statements.max": "6000",
    }
    with Server.start(WITH_CONTRIB, {**SETTINGS, **settings}) as started:
        lay_ledger(started)
        yield started


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine no statement is left to its words for want of time."""
    monkeypatch.setattr(old_reader_watch, "ANALYSIS_SECONDS", 60.0)


numbers = itertools.count(1)


@asynccontextmanager
async def ready(server: Server, kind: str = "rename-column", policy: Policy = POLICY) -> AsyncIterator[Life]:
    """Give a change of users.name that is ready and proven, in a database of its own."""
    name = f"readers_{next(numbers)}"
    boss = await asyncpg.connect(server.url())
    await boss.execute(f"CREATE DATABASE {name} TEMPLATE {LEDGER}")
    try:
        async with living(server.url(name), kind, BOTH[kind], GIVEN, policy) as life:
            await life.ready()
            yield life
    finally:
        await boss.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await boss.close()


async def look(life: Life) -> Situation:
    """Look, and return the change as it is then."""
    return await status.looked(life.context, await life.situation())


async def seen(life: Life) -> dict[str, OldReader]:
    """Look, and return who was seen, by the text."""
    found = await look(life)
    assert found.watch is not None
    assert found.watch.source == Source.READ
    return {reader.query: reader for reader in found.watch.readers}


def judged(situation: Situation, quiet_for: timedelta = timedelta(hours=1)) -> Verdict:
    """Return what the gate says under a quiet time."""
    given = replace(situation, policy=Policy(quiet_for=quiet_for))
    return next(verdict for verdict in gates.judge_all(given) if verdict.gate == "old-readers")


OLD = (
    "SELECT id, name FROM users WHERE id = 1",
    "SELECT * FROM users",
    "SELECT u FROM users u LIMIT 1",
    "SELECT id FROM users ORDER BY name",
    "SELECT u.id FROM users u JOIN notes n USING (name)",
    "SELECT count(*) FROM users WHERE name = 'x'",
    "SELECT label FROM people",
    "WITH x AS (SELECT * FROM users) SELECT count(*) FROM x",
    "UPDATE users SET name = name WHERE id = 3",
    "UPDATE users SET age = age WHERE id = 3 RETURNING *",
    "INSERT INTO users (id, name) VALUES (1001, 'a')",
    "INSERT INTO users VALUES (1002, 'b', 3)",
    "INSERT INTO users (id) VALUES (2001) ON CONFLICT (name) DO NOTHING",
    "INSERT INTO users (id) SELECT 2002 WHERE false ON CONFLICT ON CONSTRAINT users_name_key DO NOTHING",
    "COPY users (id, name) TO '/dev/null'",
    "SELECT name FROM users WHERE now() > date '2031-05-06'",
    "DELETE FROM users WHERE name = 'nobody'",
    "SELECT max(name) FROM users /* ecommerce:checkout */",
    "/* ec */ SELECT min(name) FROM users",
)
NEW = (
    "SELECT id, full_name FROM users WHERE id = 1",
    "SELECT count(*) FROM users",
    "SELECT age FROM users WHERE id = 1",
    "UPDATE users SET age = age + 1 WHERE id = 4",
    "INSERT INTO users (id, full_name) VALUES (1003, 'c')",
    "SELECT n.name, u.age FROM notes n JOIN users u ON u.id = n.id",
    "SELECT name FROM notes",
    "DELETE FROM users WHERE id = 1003",
    "ANALYZE users (name)",
    "CREATE INDEX ON users (name)",
    f"{ERRAND} SELECT length(name) FROM users",
    "SELECT substr(name, 1) FROM users\n/* ec verify 0001_x */",
)
#: `date '...'` becomes `date $1` in the statistics, which is no SQL.
BY_NAME = {"COPY users (id, name) TO '/dev/null'", "SELECT name FROM users WHERE now() > date $1"}


@counted
async def test_statements_of_the_old_side_are_told_from_the_others(counting: Server) -> None:
    """The server's own parser says which columns a statement uses: stars, whole rows, views, conflicts and
    merged joins count; another table's column of that name, DDL and everything of ours do not.
    """
    async with ready(counting) as life:
        assert await seen(life) == {}
        for statement in (*OLD, *NEW):
            await life.app.execute(statement)
        found = await seen(life)
        assert len(found) == len(OLD), sorted(found)
        assert {reader.role for reader in found.values()} == {"postgres"}
        assert {reader.times for reader in found.values()} == {1}
        assert {text for text, reader in found.items() if reader.by_name} == BY_NAME
        assert {reader.through for reader in found.values()} == {None, "people"}
        assert await seen(life) == found
        await life.app.execute(OLD[1])
        again = (await seen(life))[OLD[1]]
        assert again.times == 2
        assert again.seen_after >= found[OLD[1]].last_seen
        assert again.first_seen == found[OLD[1]].first_seen


@counted
async def test_only_calls_between_two_looks_count(counting: Server) -> None:
    """What was counted before the first look, and what is not called any more, is nobody."""
    async with ready(counting) as life:
        await life.app.execute("SELECT name, 1 FROM users")
        await life.sql("UPDATE expandcontract.watch SET attempt = 0")
        assert await seen(life) == {}
        await life.app.execute("SELECT name, 1 FROM users")
        assert list(await seen(life)) == ["SELECT name, $1 FROM users"]


@counted
async def test_a_session_with_a_path_of_its_own_is_found(counting: Server) -> None:
    """A table that is found first where the role looks does not hide the one that a session meant."""
    async with ready(counting) as life:
        await life.sql(
            "CREATE SCHEMA tenant; CREATE TABLE tenant.users (id int, name text); SET search_path = tenant"
        )
        await life.app.execute("SELECT age FROM public.users")
        await life.app.execute("SELECT name FROM users WHERE id = 8")
        await life.sql("RESET search_path")
        # Of whom this is, nobody can tell.
        assert list(await seen(life)) == ["SELECT name FROM users WHERE id = $1"]


@counted
async def test_checks_of_foreign_keys_are_nobody(counting: Server) -> None:
    """The server's own statements, which it runs for whoever deletes or renames what is referenced."""
    async with ready(counting) as life:
        await life.sql(
            """CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names SELECT name FROM users;
            INSERT INTO names VALUES ('unused');
            ALTER TABLE users ADD FOREIGN KEY (name) REFERENCES names (name) ON UPDATE CASCADE"""
        )
        before = await seen(life)
        await life.sql("DELETE FROM names WHERE name = 'unused'")
        await life.sql("UPDATE names SET name = 'other' WHERE name = 'name 5'")
        checks = "SELECT count(*) FROM pg_stat_statements WHERE NOT toplevel AND query LIKE '%ONLY%users%'"
        assert await life.value(checks) >= 2
        assert await seen(life) == before


@counted
async def test_names_are_looked_up_where_the_role_looks(counting: Server) -> None:
    """A role's own search_path, and capitals and blanks in names, lead to the right table."""
    async with ready(counting) as life:
        await life.sql(
            """CREATE SCHEMA "Other place"; CREATE TABLE "Other place".notes (title text, id int);
            CREATE ROLE poet_1; ALTER ROLE poet_1 SET search_path = "Other place", public;
            GRANT USAGE ON SCHEMA "Other place" TO poet_1;
            GRANT SELECT ON "Other place".notes, users TO poet_1;
            SET search_path = "Other place", public; SET ROLE poet_1"""
        )
        try:
            await life.app.execute("SELECT u.age FROM users u JOIN notes n ON n.title = 'x'")
            await life.app.execute("SELECT u.name FROM users u JOIN notes n ON n.title = 'x'")
            (found,) = (await seen(life)).values()
            assert (found.role, found.by_name) == ("poet_1", False)
        finally:
            await life.sql(
                """RESET ROLE; RESET search_path; DROP SCHEMA "Other place" CASCADE;
                DROP OWNED BY poet_1; DROP ROLE poet_1"""
            )


@counted
async def test_looking_leaves_nothing_behind(counting: Server) -> None:
    """No function, no prepared statement, no entry of ours among the readers; an analysis runs nothing."""
    async with ready(counting) as life:
        await life.sql(
            """CREATE TABLE ran (at timestamptz);
            CREATE FUNCTION spy() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
                'BEGIN PERFORM pg_notify(''spied'', session_user); RETURN 1; END'"""
        )
        heard: list[object] = []
        await life.app.add_listener("spied", lambda *notice: heard.append(notice))
        await life.app.execute("SELECT name FROM users WHERE id = spy()")
        await life.value("SELECT 1")
        mine = len(heard)
        assert len(await seen(life)) == 1
        await life.value("SELECT 1")
        assert len(heard) == mine
        left = "SELECT count(*) FROM pg_proc WHERE proname = '~ec_usage'"
        assert await life.value(left) == 0
        assert await seen(life) == await seen(life)


@counted
@pytest.mark.in_turn(2)
@pytest.mark.parametrize("kind", BOTH)
async def test_contract_waits_until_nobody_reads_the_old_side(counting: Server, kind: str) -> None:
    """It names who reads it; when that has ended for `quiet_for`, it opens, and `ec wait` ends."""
    async with ready(counting, kind, ONE_SECOND) as life:
        await acknowledge(life, "new-code-seen", "the test writes as both")
        await wait.wait(life.context, life.name, "contractable", timedelta(minutes=1))
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        with pytest.raises(GateShut, match="old-readers") as shut:
            await life.contract()
        assert "role postgres, once" in shut.value.why
        assert "SELECT name FROM users WHERE id = $1" in shut.value.why
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        with pytest.raises(TimeIsUp) as late:
            await wait.wait(life.context, life.name, "contractable", timedelta(0))
        assert "old-readers" in late.value.why
        await wait.wait(life.context, life.name, "contractable", timedelta(minutes=1))
        assert (await life.contract()).state == State.HIDDEN


@counted
async def test_an_acknowledged_reader_does_not_hinder(counting: Server) -> None:
    """A report that may go on is acknowledged; another one is not covered."""
    async with ready(counting, policy=Policy(quiet_for=timedelta(hours=1))) as life:
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        await look(life)
        await control.ack(life.context, life.name, "old-readers", "the report")
        opened = next(v for v in gates.judge_all(await look(life)) if v.gate == "old-readers")
        assert opened.open
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        assert next(v for v in gates.judge_all(await look(life)) if v.gate == "old-readers").open
        await life.app.execute("SELECT name, age FROM users WHERE id = 7")
        assert not next(v for v in gates.judge_all(await look(life)) if v.gate == "old-readers").open


@counted
async def test_a_reset_is_noticed(counting: Server) -> None:
    """Nothing is proven for what ran before it: the quiet time begins anew, and what runs after it counts."""
    async with ready(counting) as life:
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        before = await look(life)
        await life.sql("SELECT pg_stat_statements_reset()")
        after = await look(life)
        assert before.watch is not None
        assert after.watch is not None
        assert after.watch.since > before.watch.at
        assert after.watch.was_reset
        assert "was reset at" in judged(after).reason
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        (reader,) = (await seen(life)).values()
        assert reader.times == 2


@counted
async def test_an_eviction_is_said(counting: Server) -> None:
    """When the server drops statements for want of room, the gate names it, and does not shut for it."""
    async with ready(counting) as life:
        await look(life)
        await life.sql("UPDATE expandcontract.watch SET evictions = -3")
        found = await look(life)
        assert found.watch is not None
        evicted = found.watch.evicted  # and those that the server really had no room for
        assert evicted >= 3
        quiet = judged(found, timedelta(microseconds=1))
        assert quiet.open
        assert f"had no room {evicted} times" in quiet.reason


@counted
async def test_a_view_that_comes_later_is_judged_anew(counting: Server) -> None:
    """What a statement means depends on the views of now."""
    async with ready(counting) as life:
        await life.sql("CREATE VIEW v AS SELECT id FROM users")
        await life.app.execute("SELECT * FROM v")
        assert await seen(life) == {}
        await life.sql("CREATE OR REPLACE VIEW v AS SELECT id, name FROM users")
        await life.app.execute("SELECT * FROM v")
        (reader,) = (await seen(life)).values()
        assert reader.through == "v"


@counted
async def test_texts_are_not_kept_where_they_are_confidential(counting: Server) -> None:
    """The number of the statement stays, by which it is found in pg_stat_statements."""
    async with ready(counting, policy=Policy(confidential=True, quiet_for=timedelta(0))) as life:
        await life.app.execute("SELECT name FROM users WHERE id = 7")
        (reader,) = (await seen(life)).values()
        assert reader.query == ""
        assert await life.value("SELECT count(*) FROM expandcontract.statement WHERE query <> ''") == 0


@counted
async def test_a_role_that_may_not_see_statements_is_told_so(counting: Server) -> None:
    """It takes pg_read_all_stats; without it, no statement is taken for the only one."""
    async with ready(counting) as life:
        told = next(each for each in await doctor.examine(life.context) if each.subject == "statements")
        assert not told.next
        await life.sql("CREATE ROLE blind_1 LOGIN")
        blind = Database(counting.socket_url(urlsplit(life.url).path[1:], "blind_1"))
        try:
            async with blind.transaction() as conn:
                assert (await statements.read(conn, ["users"])).source == Source.HIDDEN
        finally:
            await blind.close()
            await life.sql("DROP ROLE blind_1")


@counted
@pytest.mark.parametrize("setting", ["pg_stat_statements.track = none", "compute_query_id = off"])
async def test_a_server_that_counts_nothing_is_told_so(counting: Server, setting: str) -> None:
    """Nobody is seen where nothing is counted. What only our own role has set says nothing of others."""
    name = f"uncounted_{next(numbers)}"
    boss = await asyncpg.connect(counting.url())
    await boss.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    database = Database(counting.url(name))
    try:
        async with database.transaction() as conn:
            await conn.exec_driver_sql("CREATE EXTENSION pg_stat_statements SCHEMA public")
        for whom, source in (("ROLE postgres IN DATABASE", Source.READ), ("DATABASE", Source.UNCOUNTED)):
            await boss.execute(f"ALTER {whom} {name} SET {setting}")
            await database.close()  # what a session was told when it began stays
            async with database.transaction() as conn:
                assert (await statements.read(conn, ["users"])).source == source
            await boss.execute(f"ALTER {whom} {name} RESET ALL")
    finally:
        await database.close()
        await boss.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await boss.close()


async def test_a_server_without_the_library_is_told_so(database: str) -> None:
    """The extension may be there, and count nothing."""
    if VERSION != WITH_CONTRIB:
        pytest.skip("not on PostgreSQL without contrib")
    async with living(database, "rename-column", BOTH["rename-column"], GIVEN) as life:
        found = await life.ready()
        assert found.watch is not None
        assert found.watch.source == Source.UNLOADED
        assert judged(found).open


async def test_without_the_extension_the_gate_says_how_to_get_it(database: str) -> None:
    """It is open, and what is not known is named."""
    given = GIVEN.replace("CREATE EXTENSION IF NOT EXISTS pg_stat_statements;", "")
    async with living(database, "rename-column", BOTH["rename-column"], given) as life:
        found = await life.ready()
        assert found.watch is not None
        assert found.watch.source == Source.ABSENT
        assert "CREATE EXTENSION pg_stat_statements" in judged(found).reason
        told = next(each for each in await doctor.examine(life.context) if each.subject == "statements")
        assert told.next.startswith("CREATE EXTENSION")
        assert (await life.contract()).state == State.HIDDEN


@counted
@pytest.mark.timeout(900)
async def test_gates_answer_soon_with_5000_statements(counting: Server) -> None:
    """A look at 5,000 statements, of which 300 are of the table, in under a second when nobody else works."""
    async with ready(counting) as life:
        for number in range(0, 4700, 100):
            await life.sql(";".join(f"SELECT {_columns(n)} FROM notes" for n in range(number, number + 100)))
        await life.sql(";".join(f"SELECT {_columns(n)} FROM users" for n in range(300)))
        assert await life.value("SELECT count(*) FROM pg_stat_statements") >= 5000
        old_reader_watch.ANALYSIS_SECONDS = 0.5
        await look(life)
        await life.sql(";".join(f"SELECT {_columns(n)} FROM users" for n in range(300)))
        situation = await life.situation()
        taken = 9.0
        while taken > 1.0:  # the machine may be busy: one quiet moment is enough
            began = time.monotonic()
            situation = await status.looked(life.context, situation)
            gates.judge_all(situation)
            taken = time.monotonic() - began
        assert situation.watch is not None
        assert len(situation.watch.readers) == 300


def _columns(number: int) -> str:
    """Return columns in an order that no other number has."""
    return ", ".join("name" if bit == "1" else "id" for bit in f"{number + 1:b}")


@counted
async def test_statements_that_name_a_table_which_is_renamed(counting: Server) -> None:
    """The plan says what was seen that a view does not take; from expand on whoever names the view is seen,
    and whoever names the table is not.
    """
    name = f"readers_{next(numbers)}"
    boss = await asyncpg.connect(counting.url())
    await boss.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    fields = {"table": "users", "new_name": "accounts"}
    try:
        async with living(counting.url(name), "rename-table", fields, GIVEN, ONE_SECOND) as life:
            await life.sql("BEGIN; TRUNCATE users; ROLLBACK")
            await life.rows("SELECT xmin::text FROM users WHERE id = 1")
            await life.rows("SELECT xmin::text FROM notes")
            (note,) = [each for each in (await life.plan()).hazards if each.code == "seen-statements"]
            assert note.found == "TRUNCATE by postgres (1 time); xmin by postgres (1 time)."
            await life.start(acknowledged={"view"})
            await look(life)
            await life.rows("SELECT age FROM users WHERE id = 2")
            await life.rows("SELECT age FROM accounts WHERE id = 2")
            await life.rows("SELECT label FROM people")
            assert list(await seen(life)) == ["SELECT age FROM users WHERE id = $1"]
            assert not judged(await look(life)).open
    finally:
        await boss.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await boss.close()
