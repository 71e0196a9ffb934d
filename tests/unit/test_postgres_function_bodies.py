"""Function bodies as text: which of them name a column."""

import pytest

from expandcontract.postgres.catalog.body import names, without_comments


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a -- name\nb", "a  \nb"),
        ("a /* name /* nested */ name */ b", "a   b"),
        ("a /* never closed name", "a  "),
        ("'-- kept' x", "'-- kept' x"),
        ("'it''s /* kept */' x", "'it''s /* kept */' x"),
        (r"E'\'-- kept' x", r"E'\'-- kept' x"),
        ('"a--b" -- gone', '"a--b"  '),
        ("", ""),
    ],
)
def test_only_comments_are_taken_out(body: str, left: str) -> None:
    """Comments go, also nested and unclosed ones; what looks like one inside quotes stays."""
    assert without_comments(body) == left


@pytest.mark.parametrize(
    ("body", "identifier"),
    [
        ("SELECT name FROM users", "name"),
        ("SELECT u.NAME FROM users u", "name"),
        ('SELECT "name" FROM users', "name"),
        ("EXECUTE 'SELECT name FROM users'", "name"),
        ("NEW.name := 1", "name"),
        ('SELECT "Full Name"', "Full Name"),
        ('SELECT "a""b"', 'a"b'),
        ("SELECT t.order", "order"),
        ('SELECT "order"', "order"),
        ("x:=naïve+1", "naïve"),
    ],
)
def test_a_body_names_a_column(body: str, identifier: str) -> None:
    """Unquoted in any case where the name allows it, quoted exactly, and in dynamic SQL."""
    assert names(body, identifier)


@pytest.mark.parametrize(
    ("body", "identifier"),
    [
        ("SELECT username, name2, my_name", "name"),
        ('SELECT "Name"', "name"),
        ("SELECT full name", "Full Name"),
        ("SELECT fullname", "FullName"),
        ("SELECT 1 ORDER BY 1", "order"),
        ("SELECT name$", "name"),
    ],
)
def test_a_body_that_has_only_something_like_it_does_not(body: str, identifier: str) -> None:
    """Parts of longer words, other capitals in quotes, and keywords where they are keywords do not count."""
    assert not names(body, identifier)
