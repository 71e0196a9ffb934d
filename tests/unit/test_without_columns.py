"""Statements that write rows without saying into which columns."""

import pytest

from expandcontract.engine.unfit_statements import unlisted
from expandcontract.model import sql_words
from tests.unit import situations as s


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO users VALUES ($1, $2)", {"INSERT"}),
        ("insert into public.users select * from t", {"INSERT"}),
        ('INSERT INTO "users" (SELECT 1)', {"INSERT"}),
        ("WITH x AS (SELECT 1) INSERT INTO users TABLE x", {"INSERT"}),
        ("INSERT INTO users (id, name) VALUES (1, 2)", set()),
        ("INSERT INTO users DEFAULT VALUES", set()),
        ("INSERT INTO orders SELECT id FROM users", set()),
        ("SELECT * FROM users", set()),
        ("COPY users FROM STDIN", {"COPY"}),
        ("COPY public.users FROM STDIN (FORMAT csv)", {"COPY"}),
        ("COPY users (id) FROM STDIN", set()),
        ("COPY users TO STDOUT", set()),
    ],
)
def test_what_names_no_columns(statement: str, expected: set[str]) -> None:
    """Word by word: a list, or DEFAULT VALUES, says all."""
    assert sql_words.without_columns(sql_words.tokens(statement), "users") == expected


def test_what_was_seen_must_be_acknowledged() -> None:
    """Of a pair a column comes and another goes; who ran it is no part of what is reviewed."""
    seen = [("app", "INSERT INTO users VALUES ($1)"), ("etl", "COPY users FROM STDIN")]
    copy, insert = unlisted(s.plan(), seen)
    assert (copy.code, copy.acknowledge, copy.found) == ("copy-all:statements", True, "By etl.")
    assert (insert.code, insert.acknowledge, insert.found) == ("insert-all:statements", True, "By app.")
    assert "goes into the column after it" in insert.sentence
    alone = s.plan(pair=None, old_columns=(), hidden_column="", new_columns=("fax",))
    assert [note.code for note in unlisted(alone, seen)] == ["copy-all:statements"]
