"""Statements that write rows without saying into which columns."""

import pytest

from expandcontract.engine.unfit_statements import SeenStatement, unlisted
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
    seen = [
        SeenStatement("app", "INSERT INTO users VALUES ($1)", 1200),
        SeenStatement("app", "INSERT INTO users VALUES ($1), ($2)", 1),
        SeenStatement("etl", "COPY users FROM STDIN", 1),
        SeenStatement("migrator", "COPY users FROM STDIN", 7, own=True),
    ]
    copy, insert = unlisted(s.plan(), seen)
    assert (copy.code, copy.acknowledge, copy.found) == ("copy-all:statements", True, "By etl (1 time).")
    assert (insert.code, insert.acknowledge) == ("insert-all:statements", True)
    assert insert.found == "By app (1,201 times)."
    assert "goes into the column after it" in insert.sentence
    alone = s.plan(pair=None, old_columns=(), hidden_column="", new_columns=("fax",))
    assert [note.code for note in unlisted(alone, seen)] == ["copy-all:statements"]


def test_what_the_migrator_alone_ran_stops_nobody() -> None:
    """Seeds and migrations are over, unless the application has the same role."""
    (note,) = unlisted(s.plan(), [SeenStatement("migrator", "INSERT INTO users VALUES ($1)", 3, own=True)])
    assert not note.acknowledge
    assert note.found.startswith("By migrator (3 times). It is the role that runs the change")
