"""What is seen of the tables of changes: faults of the sync, leaves, dependents, writes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import asyncpg
import pytest

from expandcontract.model.live import Dependent, Live
from expandcontract.model.names import RelationName
from expandcontract.postgres.connect import Database
from expandcontract.postgres.live import WatchedTable, observe
from expandcontract.postgres.query import value
from tests.messages import asked

FUNCTION = RelationName("sync", "~ec_users_name")
COLUMNS = (("name", None), ("display_name", None))
USERS = WatchedTable(1, RelationName("public", "users"), 0, ("name",), "~ec_users_name", (FUNCTION,), COLUMNS)
EXECUTE = 'EXECUTE FUNCTION sync."~ec_users_name"()'
WHEN = "FOR EACH ROW WHEN (NEW.name IS DISTINCT FROM NEW.display_name)"
SET_UP = (
    "CREATE SCHEMA sync",
    "CREATE TABLE users (id int, name text, display_name text)",
    "CREATE FUNCTION sync.\"~ec_users_name\"() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'",
    f'CREATE TRIGGER "~ec_users_name" BEFORE INSERT OR UPDATE ON users {WHEN} {EXECUTE}',
    'ALTER TABLE users ENABLE ALWAYS TRIGGER "~ec_users_name"',
)
NARROWED = f'CREATE OR REPLACE TRIGGER "~ec_users_name" BEFORE INSERT ON users {WHEN} {EXECUTE}'

#: The schema of the ledger.
LEDGER = "expandcontract"
See = Callable[..., Awaitable[Live]]


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    """Give the database under test."""
    opened = Database(database)
    yield opened
    await opened.close()


@pytest.fixture
async def see(database: str, db: Database) -> See:
    """Set the table up, and give a function that runs statements and returns what is seen then."""
    connection = await asyncpg.connect(database)
    for statement in SET_UP:
        await connection.execute(statement)
    oid = await connection.fetchval("SELECT 'users'::regclass::oid::int8")
    await connection.close()

    async def after(*statements: str) -> Live:
        connection = await asyncpg.connect(database)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
        async with db.transaction() as conn:
            return (await observe(conn, LEDGER, [replace(USERS, relation=oid)]))[1]

    return after


async def test_nothing_is_wrong_with_what_stands_as_made(see: See) -> None:
    """Our own trigger and function are neither faults nor dependents."""
    live = await see()
    assert live.table_exists
    assert live.sync_faults == ()
    assert live.dependents == ()
    assert [(leaf.name, leaf.trigger_intact, leaf.swept) for leaf in live.leaves] == [
        ("public.users", True, False)
    ]


@pytest.mark.parametrize(
    ("statement", "fault", "intact"),
    [
        ('DROP TRIGGER "~ec_users_name" ON users', "is missing on public.users", False),
        ('ALTER TABLE users DISABLE TRIGGER "~ec_users_name"', "is disabled", False),
        ('ALTER TABLE users ENABLE TRIGGER "~ec_users_name"', "does not fire in every session", False),
        (
            f"{NARROWED}; {SET_UP[-1]}",
            "is not the one that was made",
            False,
        ),
        ("ALTER TABLE users RENAME name TO nom", "Column name of public.users is missing", True),
        ("ALTER TABLE users RENAME TO people", "is called public.people now", True),
        (
            f'CREATE TRIGGER "~zzz" BEFORE UPDATE ON users FOR EACH ROW {EXECUTE}',
            "fires after",
            True,
        ),
        ('DROP FUNCTION sync."~ec_users_name"() CASCADE', 'Function sync."~ec_users_name" is missing', False),
    ],
    ids=[
        "dropped",
        "disabled",
        "not always",
        "other",
        "column renamed",
        "table renamed",
        "later trigger",
        "no function",
    ],
)
async def test_a_fault_is_told_in_a_sentence(see: See, statement: str, fault: str, intact: bool) -> None:
    """Whatever somebody did to trigger, function, column or table is named with the object's name."""
    live = await see(statement)
    assert any(fault in sentence for sentence in live.sync_faults)
    assert [leaf.trigger_intact for leaf in live.leaves] == [intact]


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE TRIGGER aaa BEFORE UPDATE ON users FOR EACH ROW {EXECUTE}",
        f'CREATE TRIGGER "~zzz" AFTER UPDATE ON users FOR EACH ROW {EXECUTE}',
        f'CREATE TRIGGER "~zzz" BEFORE DELETE ON users FOR EACH ROW {EXECUTE}',
        f'CREATE TRIGGER "~ec_zzz" BEFORE UPDATE ON users FOR EACH ROW {EXECUTE}',
    ],
)
async def test_other_triggers_are_no_fault(see: See, statement: str) -> None:
    """What fires before ours, after the row is written, or for another change disturbs nothing."""
    assert (await see(statement)).sync_faults == ()


async def test_a_table_that_is_gone_is_said_so(see: See) -> None:
    """A dropped table is not an error of ours, and one of the same name made since is not taken for it."""
    live = await see("DROP TABLE users", "CREATE TABLE users (name text)")
    assert not live.table_exists
    assert live.leaves == ()


async def test_dependents_that_would_break_are_told_from_those_that_follow(see: See) -> None:
    """PostgreSQL renames a column along in views; text in a function's body stays, and would fail."""
    live = await see(
        "CREATE VIEW v AS SELECT name FROM users",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name FROM users'",
    )
    assert live.dependents[0].text
    assert live.dependents == (
        Dependent("function body", "public.f()", blocks_hide=True, mentions=True),
        Dependent("view", "public.v", blocks_hide=False),
    )


async def test_every_leaf_is_looked_at(database: str, db: Database) -> None:
    """A partition that lost the trigger is named; the others are intact."""
    connection = await asyncpg.connect(database)
    for statement in (
        "CREATE SCHEMA sync",
        "CREATE TABLE users (id int, name text, display_name text) PARTITION BY LIST (id)",
        "CREATE TABLE p1 PARTITION OF users FOR VALUES IN (1)",
        *SET_UP[2:],
        "CREATE TABLE p2 PARTITION OF users FOR VALUES IN (2)",
        'ALTER TABLE p1 ENABLE ALWAYS TRIGGER "~ec_users_name"',
        'ALTER TABLE p2 DISABLE TRIGGER "~ec_users_name"',
    ):
        await connection.execute(statement)
    oid = await connection.fetchval("SELECT 'users'::regclass::oid::int8")
    await connection.close()
    async with db.transaction() as conn:
        live = (await observe(conn, LEDGER, [replace(USERS, relation=oid)]))[1]
    assert [(leaf.name, leaf.trigger_intact) for leaf in live.leaves] == [
        ("public.p1", True),
        ("public.p2", False),
    ]
    assert live.sync_faults == ('Trigger "~ec_users_name" is disabled on public.p2.',)


async def test_the_number_of_queries_does_not_grow_with_the_changes(see: See, db: Database) -> None:
    """Twenty changes cost as many queries as one."""
    await see()
    counts = []
    async with db.transaction() as conn:
        oid = await value(conn, "SELECT 'public.users'::pg_catalog.regclass::oid::int8")
        await observe(conn, LEDGER, [replace(USERS, relation=oid)])  # of a new session more is asked
        for number in (1, 20):
            subjects = [replace(USERS, change_id=each, relation=oid) for each in range(number)]
            statements: list[str] = []
            with asked(statements.append):
                found = await observe(conn, LEDGER, subjects)
            assert [live.sync_faults for live in found.values()] == [()] * number
            counts.append(len(statements))
    assert counts == [1, 1]


async def test_without_changes_there_is_nothing(db: Database) -> None:
    """An empty ledger is no special case."""
    async with db.transaction() as conn:
        assert await observe(conn, LEDGER, []) == {}
