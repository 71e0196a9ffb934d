"""What a session of ours keeps between two questions."""

from collections.abc import AsyncIterator
from unittest import mock

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.postgres import kept
from expandcontract.postgres.connect import Database
from expandcontract.postgres.query import rows, together, value

KEPT = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements"
ONES = {"ones": "SELECT e::pg_catalog.text AS one FROM pg_catalog.json_array_elements($1::pg_catalog.json) e"}


@pytest.fixture
async def db(empty_database: str) -> AsyncIterator[Database]:
    """Give a database with one session."""
    database = Database(empty_database)
    yield database
    await database.close()


async def test_what_is_asked_again_is_planned_once(db: Database) -> None:
    """The same question is one statement of the session, in whatever transaction it is asked, with one plan
    for good; another question is another one.
    """
    for _ in range(3):
        async with db.transaction() as conn:
            assert await together(conn, ONES, [1, 2]) == {"ones": [{"one": "1"}, {"one": "2"}]}
    async with db.transaction() as conn:
        assert await together(conn, ONES, ["it's $1"]) == {"ones": [{"one": '"it\'s $1"'}]}
        plans = "SELECT generic_plans, custom_plans FROM pg_catalog.pg_prepared_statements ORDER BY 1"
        assert await rows(conn, plans) == [(1, 0), (3, 0)]


async def test_a_session_keeps_a_few(db: Database) -> None:
    """What was not asked for longest is given up."""
    async with db.transaction() as conn:
        for number in range(3 * kept._MOST):
            assert await kept.text(conn, f"SELECT '{number}'") == str(number)
        assert await value(conn, KEPT) <= kept._MOST + 1


async def test_behind_a_pooler_nothing_is_kept(db: Database) -> None:
    """A pooler makes up the process id that it gives to its clients; the next transaction may be another
    session's.
    """
    with mock.patch.object(asyncpg.Connection, "get_server_pid", return_value=0):
        async with db.transaction() as conn:
            assert await together(conn, ONES, [1]) == {"ones": [{"one": "1"}]}
            assert await value(conn, KEPT) == 0


async def test_an_error_is_that_of_any_statement(db: Database) -> None:
    """What the server refuses is a DBAPIError, and the session goes on after it."""
    with pytest.raises(DBAPIError, match="division by zero"):
        async with db.transaction() as conn:
            await kept.text(conn, "SELECT (1 / 0)::pg_catalog.text")
    async with db.transaction() as conn:
        assert await kept.text(conn, "SELECT 'on'") == "on"
