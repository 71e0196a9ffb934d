"""Parameters of a text."""

import pytest

from expandcontract.postgres.message import constant, renumbered


def test_what_is_quoted_is_no_parameter() -> None:
    """A string or a name of the user's may hold what looks like one."""
    text = """SELECT '$1 it''s $2', "$1""$2", $2 FROM t WHERE a = $12"""
    assert (
        renumbered(text, lambda n: f"<{n}>")
        == """SELECT '$1 it''s $2', "$1""$2", <2> FROM t WHERE a = <12>"""
    )


def test_a_constant_is_read_alike_whatever_a_session_calls_conforming() -> None:
    """Quotes and backslashes are doubled, and a NUL would end the message."""
    assert constant("it's") == "'it''s'"
    assert constant("a\\'b") == " E'a\\\\''b'"
    assert constant(None) == "NULL"
    with pytest.raises(ValueError, match="NUL"):
        constant("a\0b")
