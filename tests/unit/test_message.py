"""Parameters of a text."""

from expandcontract.postgres.message import renumbered


def test_what_is_quoted_is_no_parameter() -> None:
    """A string or a name of the user's may hold what looks like one."""
    text = """SELECT '$1 it''s $2', "$1""$2", $2 FROM t WHERE a = $12"""
    assert (
        renumbered(text, lambda n: f"<{n}>")
        == """SELECT '$1 it''s $2', "$1""$2", <2> FROM t WHERE a = <12>"""
    )
