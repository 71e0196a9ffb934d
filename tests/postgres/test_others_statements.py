"""What somebody else ran is judged by our session. Nothing of theirs runs in it: no operator of their path,
no CHECK of a domain that the parser would call for a constant.
"""

import pytest

from expandcontract.postgres import usage
from expandcontract.postgres.connect import Database
from expandcontract.postgres.query import value
from expandcontract.postgres.settings import OUR_PATH
from expandcontract.postgres.statements import StatementEntry

#: A sequence counts what a rollback would take back. The operator stands where pg_catalog has none of just
#: these types.
TRAPS = """
CREATE TABLE public.users (id int PRIMARY KEY, name text);
CREATE SCHEMA evil;
CREATE SEQUENCE evil.hits;
CREATE FUNCTION evil.same(oid, regclass) RETURNS boolean LANGUAGE sql AS
    $$ SELECT nextval('evil.hits') > 0 AND $1 OPERATOR(pg_catalog.=) $2::oid $$;
CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = oid, RIGHTARG = regclass);
CREATE FUNCTION evil.check(text) RETURNS boolean LANGUAGE sql AS $$ SELECT nextval('evil.hits') > 0 $$;
CREATE DOMAIN evil.word AS text CHECK (evil.check(VALUE));
CREATE TYPE evil.pair AS (one evil.word, two int);
"""


async def _judged(url: str, query: str) -> tuple[usage.Usage, bool]:
    """Return the judgement, and whether anything of the trap ran."""
    database = Database(url)
    try:
        async with database.transaction() as conn:
            relation = await value(conn, "SELECT 'public.users'::pg_catalog.regclass::pg_catalog.int8")
            (old,) = await usage.sides(conn, [usage.WantedSide("public", relation, ("name",))])
            entry = StatementEntry(10, "visitor", 1, True, 1, query, "evil, public")
            judged = await usage.analysed(conn, "expandcontract", entry, old)
            # Whatever was set for the analysis is over.
            assert await value(conn, "SELECT pg_catalog.current_setting('search_path')") == OUR_PATH
            return judged, await value(conn, "SELECT is_called FROM evil.hits")
    finally:
        await database.close()


async def _trapped(url: str) -> None:
    database = Database(url)
    async with database.transaction() as conn:
        for statement in TRAPS.split(";\n"):
            if statement.strip():
                await conn.exec_driver_sql(statement)
    await database.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT count(name) FROM users WHERE id = $1", usage.Usage(uses=True)),
        ("SELECT id FROM users", usage.Usage(uses=False)),
        ("SELECT name FROM users /* it's a /* nested */ route='x' */ -- y'", usage.Usage(uses=True)),
        ("SELECT id, '{a}'::evil.word[] FROM users", usage.Usage(uses=False, by_name=True)),
        ("SELECT id, $$(a,1)$$::pair, name FROM users", usage.Usage(uses=True, by_name=True)),
        ("SELECT id, E'{a}'::word[] FROM users /* '", usage.Usage(uses=False, by_name=True)),
    ],
)
async def test_nothing_of_another_runs_in_our_session(
    database: str, query: str, expected: usage.Usage
) -> None:
    """Its path and its constants are the other's; the answer is the same as if they were harmless."""
    await _trapped(database)
    judged, ran = await _judged(database, query)
    assert not ran
    assert judged == expected


@pytest.mark.parametrize(
    ("query", "column", "expected"),
    [
        ("SELECT count(*) FROM users", "", usage.Usage(uses=True, through="users")),
        ("SELECT count(*) FROM shown", "", usage.Usage(uses=True, through="shown")),
        ("SELECT 'users' FROM accounts", "", usage.Usage(uses=False, by_name=True)),
        ("SELECT id FROM accounts", "", usage.Usage(uses=False)),
        ("TABLE users", "", usage.Usage(uses=True, by_name=True, through="users")),
        ("SELECT name FROM users", "name", usage.Usage(uses=True)),
        ("UPDATE users SET name = $1", "name", usage.Usage(uses=True)),
        ("SELECT id, title FROM users", "name", usage.Usage(uses=False)),
        ("SELECT id, title FROM users GROUP BY u", "name", usage.Usage(uses=False, by_name=True)),
    ],
)
async def test_a_view_that_stands_for_a_table(
    database: str, query: str, column: str, expected: usage.Usage
) -> None:
    """Who names the view, or something over it, uses what goes; of a column under both names only who names
    the old one.
    """
    given = """CREATE TABLE public.accounts (id int PRIMARY KEY, title text);
        CREATE VIEW public.users AS SELECT id, title, title AS name FROM public.accounts;
        CREATE VIEW public.shown AS SELECT id FROM public.users"""
    url = Database(database)
    try:
        async with url.transaction() as conn:
            for statement in given.split(";\n"):
                await conn.exec_driver_sql(statement)
            relation = await value(conn, "SELECT 'public.accounts'::pg_catalog.regclass::pg_catalog.int8")
            side = usage.WantedSide("public", relation, (column,) if column else (), "public.users")
            (old,) = await usage.sides(conn, [side])
            entry = StatementEntry(10, "visitor", 1, True, 1, query, "public")
            assert await usage.analysed(conn, "expandcontract", entry, old) == expected
    finally:
        await url.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT first FROM users", usage.Usage(uses=True)),
        ("SELECT count(*) FROM users WHERE last = $1", usage.Usage(uses=True)),
        (
            "INSERT INTO users (id) VALUES ($1) ON CONFLICT ON CONSTRAINT both_names DO NOTHING",
            usage.Usage(uses=True),
        ),
        ("SELECT * FROM lasts", usage.Usage(uses=True, through="lasts")),
        ("SELECT id FROM users", usage.Usage(uses=False)),
        ("COPY users (last) TO STDOUT", usage.Usage(uses=True, by_name=True)),
        ("COPY users (id) TO STDOUT", usage.Usage(uses=False, by_name=True)),
    ],
)
async def test_any_column_of_a_side_counts(database: str, query: str, expected: usage.Usage) -> None:
    """Of several old columns each is the old side, with whatever stands over it."""
    given = """CREATE TABLE public.users (
            id int PRIMARY KEY, first text, last text, CONSTRAINT both_names UNIQUE (first, last));
        CREATE VIEW public.lasts AS SELECT id, last AS called FROM public.users"""
    url = Database(database)
    try:
        async with url.transaction() as conn:
            for statement in given.split(";\n"):
                await conn.exec_driver_sql(statement)
            relation = await value(conn, "SELECT 'public.users'::pg_catalog.regclass::pg_catalog.int8")
            asked = [
                usage.WantedSide("public", relation, ("id",)),
                usage.WantedSide("public", relation, ("first", "last")),
            ]
            (_, old) = await usage.sides(conn, asked)
            entry = StatementEntry(10, "visitor", 1, True, 1, query, "public")
            assert await usage.analysed(conn, "expandcontract", entry, old) == expected
    finally:
        await url.close()
