"""What a database says of its changes to whoever has models, as it is asked by any driver."""

from collections.abc import Callable

import asyncpg
import pytest
from sqlalchemy import create_engine, event, text

from expandcontract.engine.verbs import plan
from expandcontract.ledger import change as change_writer
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Stage
from expandcontract.orm.changes import Known, KnownChange, read
from tests.acceptance.cycle import Application, living, opened
from tests.conftest import VERSION
from tests.ledgers.restore import restore
from tests.orm.engines import async_engine, sync_engine
from tests.postgres import ledgers

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, fax text, size int);
INSERT INTO users VALUES (1, 'Ada', '1', 1)
"""
USERS = RelationName("public", "users")
RENAME = {"column": "users.name", "new_name": "display_name"}


async def _known(url: str) -> Known:
    async with async_engine(url) as engine, engine.connect() as connection:
        return await connection.run_sync(read)


async def test_a_change_is_told_in_every_stage(database: str) -> None:
    """With what leaves and comes, and what of that is there now; whichever driver asks."""
    async with living(database, "rename-column", RENAME, GIVEN) as life:

        async def told() -> tuple[Stage, frozenset[str]]:
            ((change,), asked) = (known := await _known(database)).changes, known
            assert (change.name, change.leaves, change.comes) == (life.name, ("name",), ("display_name",))
            with sync_engine(database) as engine, engine.connect() as connection:
                assert read(connection) == asked
            return change.stage, change.columns_there()

        both = frozenset({"name", "display_name"})
        await life.start()
        assert await told() == (Stage.BEFORE_READY, both)
        await life.backfill()
        assert await told() == (Stage.READY, both)
        trigger = f'ALTER TABLE users {{}} TRIGGER "~ec_{life.name}"'
        await life.sql(trigger.format("DISABLE"))
        assert await told() == (Stage.BEFORE_READY, both), "nothing keeps the sides in sync"
        await life.sql(trigger.format("ENABLE ALWAYS"))
        await life.backfill()
        assert await told() == (Stage.READY, both)
        await life.contract()
        assert await told() == (Stage.HIDDEN, frozenset({"display_name"}))
        await life.purge()
        assert await told() == (Stage.PURGED, frozenset({"display_name"}))


@pytest.mark.parametrize(
    ("kind", "fields", "wanted"),
    [
        (
            "rename-table",
            {"table": "users", "new_name": '"People"'},
            {"table_leaves": True, "comes_table": RelationName("public", "People")},
        ),
        ("drop-table", {"table": "users"}, {"table_leaves": True, "comes_table": None}),
        ("drop-column", {"column": "users.fax"}, {"leaves": ("fax",), "hidden": "~ec_fax"}),
        (
            "add-column",
            {"column": "users.country", "type": "text", "not_null": True, "fill": "'de'"},
            {"comes": ("country",), "leaves": (), "refuses": True},
        ),
        (
            "split-column",
            {"column": "users.name", "into": ["first = name", "last = name"], "one_way": True},
            {"leaves": ("name",), "comes": ("first", "last")},
        ),
        (
            "change-type",
            {"column": "users.size", "type": "bigint", "swap": True},
            {"leaves": (), "comes": ()},
        ),
        (
            "change-type",
            {"column": "users.size", "type": "bigint", "to": "bytes"},
            {"leaves": ("size",), "comes": ("bytes",)},
        ),
        (
            "rename-column",
            RENAME | {"instant": True},
            {"leaves": ("name",), "comes": ("display_name",), "table_leaves": False, "comes_table": None},
        ),
        (
            "merge-columns",
            {"columns": ["users.name", "users.fax"], "into": "both = name || fax", "one_way": True},
            {"leaves": ("name", "fax"), "comes": ("both",)},
        ),
        (
            "add-index",
            {"table": "users", "columns": "name"},
            {"leaves": (), "comes": (), "table_leaves": False, "comes_table": None},
        ),
        ("set-not-null", {"column": "users.name"}, {"leaves": (), "comes": (), "refuses": True}),
    ],
    ids=[
        *("rename-table", "drop-table", "drop-column", "add-column", "split-column", "swap", "to"),
        *("instant", "merge-columns", "add-index", "set-not-null"),
    ],
)
async def test_the_sides_of_a_kind(
    database: str, kind: str, fields: dict[str, object], wanted: dict[str, object]
) -> None:
    """Tables that get another name or go, columns that come or go, and what only rules are."""
    async with opened(database, kind, fields, GIVEN) as app:
        await _create(app)
        (change,) = (await _known(database)).changes
    assert (change.stage, change.table) == (Stage.NOT_STARTED, USERS)
    assert {each: getattr(change, each) for each in wanted} == wanted


async def _create(app: Application) -> KnownChange | None:
    made = await plan.make(app.context, app.change)
    relation = await app.value("SELECT 'users'::regclass::oid")
    async with app.context.database.transaction() as conn:
        await change_writer.create(conn, app.context.tables, made, relation=relation, who="me", host="here")
    return None


async def test_a_column_that_is_filled_is_told_so(database: str) -> None:
    """By a default: a row of code that does not know it has a value."""
    fields = {"column": "users.country", "type": "text", "not_null": True, "default": "'de'"}
    async with living(database, "add-column", fields, GIVEN) as life:
        await life.start()
        (change,) = (await _known(database)).changes
    assert [each.filled for each in change.there] == [frozenset({"country"})]


async def test_a_table_that_a_change_makes_comes(database: str) -> None:
    """It is there when the change is at its end, and what waited for it may run."""
    statement = "CREATE TABLE bills (id int PRIMARY KEY)"
    bills = RelationName("public", "bills")
    async with living(database, "create-table", {"statement": statement}, GIVEN) as life:
        await life.ready()
        (change,) = (await _known(database)).changes
    assert (change.comes_table, change.table_leaves, change.stage) == (bills, False, Stage.FINISHED)
    assert change.is_there(bills)


async def test_a_program_asks_twice_at_most(database: str, empty_database: str) -> None:
    """Whether there is a ledger, and what it says; however many changes there are."""
    for url, wanted in ((empty_database, 1), (database, 2)):
        asked: list[str] = []
        with sync_engine(url) as engine, engine.connect() as connection:
            event.listen(engine, "before_cursor_execute", _keeping(asked))
            read(connection)
        assert len(asked) == wanted


def _keeping(asked: list[str]) -> Callable[..., None]:
    return lambda *of: asked.append(of[2])


async def test_nothing_is_open_without_a_ledger(empty_database: str) -> None:
    """In a transaction that goes on afterwards; one that is no PostgreSQL has none either."""
    with sync_engine(empty_database) as engine, engine.begin() as connection:
        known = read(connection)
        assert known == Known(ledger=False)
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    with create_engine("sqlite://").connect() as connection:
        assert not read(connection).ledger


async def test_names_without_a_schema_are_looked_for_on_the_path(database: str) -> None:
    """A table of the same name that comes earlier on the path is another one."""
    async with opened(database, "rename-column", RENAME, GIVEN) as app:
        await _create(app)
        await app.sql("CREATE SCHEMA tenant; CREATE TABLE tenant.users (id int)")
        with sync_engine(database) as engine, engine.connect() as connection:
            assert read(connection).changes[0].there[0].found
            connection.execute(text("SET search_path = tenant, public"))
            known = read(connection)
    assert known.path == ("tenant", "public")
    assert not known.changes[0].there[0].found


async def test_the_role_of_an_application_is_told(database: str) -> None:
    """It has no right on the ledger, and USAGE on its second schema as everybody has."""
    async with opened(database, "rename-column", RENAME, GIVEN) as app, ledgers.opened(database) as ledger:
        await _create(app)
        async with ledgers.roles(ledger, "models_reader"):
            known = _as_role(database, "models_reader")
    assert [each.name for each in known.changes] == [app.name]
    assert known.changes[0].columns_there() == {"name"}


async def test_who_may_not_know_is_told_so(database: str) -> None:
    """A ledger that keeps it to itself is not taken for a database in which nothing is open."""
    async with ledgers.opened(database) as ledger, ledgers.roles(ledger, "models_reader"):
        await ledger.sql("REVOKE ALL ON FUNCTION expandcontract_sync.changes() FROM PUBLIC")
        known = _as_role(database, "models_reader")
    assert known.ledger
    assert not known.readable


def _as_role(url: str, role: str) -> Known:
    with sync_engine(ledgers.as_role(url, role)) as engine, engine.connect() as connection:
        return read(connection)


@pytest.mark.skipif(VERSION != 18, reason="not on PostgreSQL 16 and 15: kept by a server of version 18")
async def test_a_ledger_of_an_earlier_version_is_read_as_it_is(empty_database: str) -> None:
    """A program may start before anybody has taken the ledger over."""
    connection = await asyncpg.connect(empty_database)
    await restore(connection, "0.1", "rename-hidden")
    await connection.close()
    ((change,), known) = (found := await _known(empty_database)).changes, found
    assert known.readable
    assert (change.stage, change.leaves, change.comes) == (Stage.HIDDEN, ("name",), ("display_name",))
