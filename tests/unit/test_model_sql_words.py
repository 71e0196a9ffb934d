"""What a statement's text names, word by word."""

import pytest

from expandcontract.model import sql_words

TABLES = frozenset({"users", "Odd Table"})


def names(text: str, column: str = "name") -> bool:
    """Whether a statement over the tables names the column."""
    return sql_words.names_column(sql_words.tokens(text), TABLES, column)


USES = (
    "SELECT name FROM users",
    "select NAME from USERS",
    'SELECT "name" FROM public.users AS u',
    "SELECT * FROM users",
    "SELECT u.* FROM users u",
    "SELECT DISTINCT * FROM users",
    "SELECT id, * FROM users",
    "UPDATE users SET age = $1 RETURNING *",
    "TABLE users",
    "COPY users TO STDOUT",
    "COPY public.users FROM STDIN",
    "INSERT INTO users VALUES ($1, $2)",
    "INSERT INTO public.users SELECT $1, $2",
    'SELECT name FROM "Odd Table"',
    "SELECT id -- users\n, name FROM users",
)
DOES_NOT = (
    "SELECT name FROM notes",
    "SELECT count(*) FROM users",
    "SELECT 2 * age, $1 * age, 'x' * age FROM users",
    "SELECT id FROM users WHERE age = $1 * $2",
    "SELECT id FROM users -- name",
    "SELECT id /* name, * */ FROM users",
    "SELECT 'name', 'it''s * name' FROM users",
    'SELECT "Name" FROM users',
    'SELECT name FROM "Users"',
    "COPY users (id) TO STDOUT",
    "INSERT INTO users (id) VALUES ($1)",
    "SELECT users_name FROM users",
    "",
)


@pytest.mark.parametrize("text", USES)
def test_the_column_is_named(text: str) -> None:
    """By its name, by a star, or because no columns are listed."""
    assert names(text)


@pytest.mark.parametrize("text", DOES_NOT)
def test_the_column_is_not_named(text: str) -> None:
    """Strings, comments, products, counts, other cases and other tables name nothing."""
    assert not names(text)


def test_quoted_names_are_exact() -> None:
    """Case, blanks and doubled quotes are part of the name."""
    assert sql_words.tokens('SELECT "a ""b""" FROM "Odd Table"') == ["select", 'a "b"', "from", "Odd Table"]


@pytest.mark.parametrize(
    ("text", "query", "rows"),
    [
        ("(SELECT 1) UNION SELECT 2", True, True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", True, True),
        ("/* hint */ UPDATE users SET age = 1", True, True),
        ("COPY users TO STDOUT", False, True),
        ("DECLARE c CURSOR FOR SELECT 1", False, True),
        ("ALTER TABLE users DROP name", False, False),
        ("VACUUM users", False, False),
        ("", False, False),
    ],
)
def test_what_kind_of_statement_it_is(text: str, query: bool, rows: bool) -> None:
    """Queries are for the server to judge; DDL and maintenance use no rows."""
    words = sql_words.tokens(text)
    assert sql_words.is_query(words) is query
    assert sql_words.may_use_rows(words) is rows


@pytest.mark.parametrize(
    ("text", "bare", "strings"),
    [
        ("select $1 -- it's\n, 2", "select $1  \n, 2", False),
        ("select 1 /* a /* b */ ' */ + $2", "select 1   + $2", False),
        ('select "a--b", "/*" from t', 'select "a--b", "/*" from t', False),
        ("select 1 /* never ends '", "select 1  ", False),
        ("select 'a' /* b */", "select 'a'  ", True),
        ("select $$a$$", "select $$a$$", True),
        ("select $tag$a$tag$", "select $tag$a$tag$", True),
    ],
)
def test_a_text_that_may_hold_strings_is_known(text: str, bare: str, strings: bool) -> None:
    """Comments nest and go; what is left has a quote or a dollar where a constant may be a string."""
    assert sql_words.without_comments(text) == bare
    assert sql_words.may_hold_strings(bare) is strings
