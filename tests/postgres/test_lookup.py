"""What is asked again and again: the ledger keeps it as functions, which say what the queries say."""

from unittest import mock

import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.ledger import lookups
from expandcontract.ledger.migrate import check, migrate, migrations
from expandcontract.postgres.lookup import Lookup, OnlyIf, kept
from expandcontract.postgres.query import rows, value
from tests.messages import asked as heard
from tests.postgres import ledgers

SCHEMA = "expandcontract"
MADE = "SELECT proname::text FROM pg_catalog.pg_proc WHERE pronamespace = $1::regnamespace"
TWO = Lookup("two", {"one": "SELECT $1::pg_catalog.text AS asked", "other": "SELECT 1 AS id WHERE false"})
ONLY = Lookup(
    "only",
    {"one": TWO.queries["one"], "other": "SELECT 1 / pg_catalog.length(pg_catalog.left($1, 0)) AS id"},
    only_if=OnlyIf("other", "public.asked", "name = $1"),
)
SAID = {"one": [{"asked": '["it\'s"]'}], "other": []}


async def test_a_function_says_what_the_query_says(database: str) -> None:
    """Whether or not the ledger has the function, the answer is the same; with it, its text is not sent."""
    async with ledgers.opened(database) as ledger:
        for number, made in enumerate((False, True)):
            if made:
                await ledger.sql(TWO.definition(SCHEMA))
                await ledger.database.close()  # who looked already goes on as before
            statements: list[str] = []
            async with ledger.database.transaction() as conn:
                with heard(statements.append):
                    assert await TWO.ask(conn, SCHEMA, ["it's"]) == SAID
                    assert await TWO.ask(conn, SCHEMA, ["it's"]) == SAID
            assert len(statements) == 3, "a session asks once what there is"
            assert ("json_build_object" in statements[-1]) is not made, number


async def test_a_query_that_would_find_nothing_is_not_planned(database: str) -> None:
    """Where the condition of the one is met by no row, the function answers without it; who may not read the
    table of the condition gets the whole.
    """
    async with ledgers.opened(database) as ledger:
        await ledger.sql(
            f"CREATE TABLE public.asked (name text); {ONLY.definition(SCHEMA)}"
            f"CREATE ROLE ec_blind_looker; GRANT USAGE ON SCHEMA {SCHEMA} TO ec_blind_looker"
        )
        try:
            async with ledger.database.transaction() as conn:
                assert await ONLY.ask(conn, SCHEMA, "it") == {"one": [{"asked": '"it"'}], "other": []}
                await rows(conn, "SET LOCAL ROLE ec_blind_looker")
                async with conn.begin_nested() as savepoint:
                    with pytest.raises(DBAPIError, match="division by zero"):
                        await ONLY.ask(conn, SCHEMA, "it")
                    await savepoint.rollback()
            await ledger.sql("""INSERT INTO public.asked VALUES ('"it"')""")
            with pytest.raises(DBAPIError, match="division by zero"):
                async with ledger.database.transaction() as conn:
                    await ONLY.ask(conn, SCHEMA, "it")
        finally:
            await ledger.sql("DROP OWNED BY ec_blind_looker; DROP ROLE ec_blind_looker")


async def test_init_makes_what_this_program_asks(database: str) -> None:
    """A ledger has every function of the program that made it; init makes what is missing, once."""
    async with ledgers.opened(database) as ledger:
        names = {each.function for each in lookups.every(SCHEMA)}
        async with ledger.database.transaction() as conn:
            assert await kept(conn, SCHEMA) == names
        (one, *_) = sorted(names)
        await ledger.sql(f"DROP FUNCTION {SCHEMA}.{one}(text)")
        assert await migrate(ledger.database) == ()
        async with ledger.database.transaction() as conn:
            assert names <= {name for (name,) in await rows(conn, MADE, SCHEMA)}


async def test_those_of_programs_that_are_refused_go(empty_database: str) -> None:
    """A migration after which an earlier program is refused takes its functions along; without one they stay,
    for programs that work with the ledger still.
    """
    async with ledgers.opened(empty_database, migrated=False) as ledger:
        with mock.patch("expandcontract.ledger.migrate.migrations", return_value=migrations()[:-1]):
            await migrate(ledger.database)
        await ledger.sql(TWO.definition(SCHEMA))
        await migrate(ledger.database)
        async with ledger.database.transaction() as conn:
            found = {name for (name,) in await rows(conn, MADE, SCHEMA)}
            await check(conn, ledger.tables)
        assert TWO.function not in found
        await ledger.sql(TWO.definition(SCHEMA))
        await migrate(ledger.database)
        async with ledger.database.transaction() as conn:
            assert (TWO.function,) in await rows(conn, MADE, SCHEMA)


async def test_a_ledger_that_was_made_anew_is_asked_anew(database: str) -> None:
    """A function that went while a session knew it is an error once; then the query is asked."""
    async with ledgers.opened(database) as ledger:
        await ledger.sql(TWO.definition(SCHEMA))
        async with ledger.database.session() as conn:
            async with ledger.database.transaction_on(conn):
                assert await TWO.ask(conn, SCHEMA, ["it's"]) == SAID
            await ledger.sql(f"DROP FUNCTION {SCHEMA}.{TWO.function}(text)")
            with pytest.raises(DBAPIError):
                async with ledger.database.transaction_on(conn):
                    await TWO.ask(conn, SCHEMA, ["it's"])
            async with ledger.database.transaction_on(conn):
                assert await TWO.ask(conn, SCHEMA, ["it's"]) == SAID


async def test_what_settings_a_session_has_makes_no_difference(database: str) -> None:
    """A function finds what it names along its own path, and is planned once, whatever the session says."""
    async with ledgers.opened(database) as ledger:
        for lookup in lookups.every(SCHEMA):
            async with ledger.database.transaction() as conn:
                ((settings,),) = await rows(
                    conn,
                    "SELECT proconfig FROM pg_catalog.pg_proc WHERE proname = $1::name",
                    lookup.function,
                )
            assert sorted(settings) == [
                "plan_cache_mode=force_generic_plan",
                "search_path=pg_catalog, pg_temp",
            ]


async def test_others_of_the_same_name_are_left_alone(database: str) -> None:
    """A function with other arguments is not taken for ours, and in nobody's way."""
    wanted, *_ = lookups.every(SCHEMA)
    async with ledgers.opened(database) as ledger:
        await ledger.sql(f"DROP FUNCTION {SCHEMA}.{wanted.function}(text)")
        for name in (wanted.function, "look_at_nothing"):
            await ledger.sql(f"CREATE FUNCTION {SCHEMA}.{name}(integer) RETURNS integer RETURN 1")
        async with ledger.database.transaction() as conn:
            assert wanted.function not in await kept(conn, SCHEMA)
        async with ledger.database.transaction() as conn:
            await lookups.keep(conn, SCHEMA, clear=True)
        async with ledger.database.session() as conn, ledger.database.transaction_on(conn):
            assert await value(conn, f"SELECT {SCHEMA}.look_at_nothing(1)") == 1
            query = "SELECT pg_catalog.to_regprocedure($1) IS NOT NULL"
            assert await value(conn, query, f"{SCHEMA}.{wanted.function}(text)")
