"""Names: quoting, reading, shortening, and names made from names."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from expandcontract.model import names
from expandcontract.model.errors import BadName
from expandcontract.model.names import RelationName, Target

#: Any identifier that PostgreSQL accepts: not empty, no zero byte, at most 63 bytes.
IDENTIFIERS = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=63)
).filter(lambda text: len(text.encode()) <= names.MAX_BYTES)


@pytest.mark.parametrize(
    ("identifier", "sql"),
    [
        ("users", "users"),
        ("_u2", "_u2"),
        ("Users", '"Users"'),
        ("2nd", '"2nd"'),
        ("guest book", '"guest book"'),
        ('a"b', '"a""b"'),
        ("größe", '"größe"'),
        ("select", '"select"'),
        ("name", "name"),
        ("~ec_1", '"~ec_1"'),
    ],
)
def test_quoting(identifier: str, sql: str) -> None:
    """Quotes stand only where the server would put them."""
    assert names.quote(identifier) == sql


@given(IDENTIFIERS)
def test_a_quoted_name_reads_as_itself(identifier: str) -> None:
    """Whatever a column is called, its SQL names it and nothing else."""
    assert names.split(names.quote(identifier)) == (identifier,)


@given(st.one_of(st.none(), IDENTIFIERS), IDENTIFIERS, IDENTIFIERS)
def test_a_target_reads_as_itself(schema: str | None, table: str, column: str) -> None:
    """What `ec` prints as a target can be typed as one."""
    target = Target(schema, table, column)
    assert names.parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("users.name", ("users", "name")),
        ("Users.Name", ("users", "name")),
        ('"Guest Book"."Full Name"', ("Guest Book", "Full Name")),
        ('app . "a.b" . c', ("app", "a.b", "c")),
        ('"say ""hi"""', ('say "hi"',)),
    ],
)
def test_names_follow_sql(text: str, parts: tuple[str, ...]) -> None:
    """Unquoted parts fold to lower case, quoted ones are exact, dots inside quotes are letters."""
    assert names.split(text) == parts


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", 'a"b', '"a', '""', "a b", '"a"b', '"a\0"'])
def test_what_is_not_a_name(text: str) -> None:
    """A text that is not a name is refused."""
    with pytest.raises(BadName):
        names.split(text)


def test_a_statement_smuggled_in_stays_a_name() -> None:
    """Other letters are taken as they are, and quoted: nothing that a name holds can run."""
    assert names.quote(names.split("a;drop")[0]) == '"a;drop"'


@pytest.mark.parametrize("text", ["users", "a.b.c.d"])
def test_a_target_has_two_or_three_parts(text: str) -> None:
    """A column needs its table."""
    with pytest.raises(BadName, match="does not name a column"):
        names.parse_target(text)


def test_a_new_name_stands_alone() -> None:
    """The new name takes no table."""
    assert names.parse_column('"Full Name"') == "Full Name"
    with pytest.raises(BadName, match="alone"):
        names.parse_column("users.full_name")


def test_63_bytes_not_letters() -> None:
    """PostgreSQL counts bytes, and would cut in silence."""
    assert names.check("n" * 63)
    assert names.check("é" * 31)
    for long in ("n" * 64, "é" * 32):
        with pytest.raises(BadName, match="64 bytes"):
            names.parse_column(long)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_a_shortened_name_fits(name: str) -> None:
    """It has at most 63 bytes and no half letters, and what fits stays."""
    short = names.shorten(name)
    assert len(short.encode()) <= names.MAX_BYTES
    assert short == name or len(name.encode()) > names.MAX_BYTES


@given(IDENTIFIERS, IDENTIFIERS)
def test_long_names_stay_apart(first: str, second: str) -> None:
    """Two names that are the same in their first 63 bytes are cut to two names."""
    assume(first != second)
    long = "x" * 80
    assert names.shorten(long + first) != names.shorten(long + second)


@pytest.mark.parametrize(
    ("name", "derived"),
    [
        ("ix_users_name", "ix_users_display_name"),
        ("users_name_key", "users_display_name_key"),
        ("name", "display_name"),
        ("name_by_name", "name_by_display_name"),
        ("ix_surname", "ix_surname_display_name"),
        ("ix_users_lower_idx", "ix_users_lower_idx_display_name"),
        ("ix.name.x", "ix.display_name.x"),
    ],
)
def test_names_of_indexes_follow_the_column(name: str, derived: str) -> None:
    """The last whole word that is the column's name is replaced; without one the new name is appended."""
    assert names.derived(name, "name", "display_name") == derived


def test_a_name_is_not_a_pattern() -> None:
    """Letters that mean something in a regular expression or in a replacement stand for themselves."""
    assert names.derived("ix_a.b_x", "a.b", r"\1") == r"ix_\1_x"
    assert names.derived("ix_axb_x", "a.b", "c") == "ix_axb_x_c"


def test_relation_names_are_always_qualified() -> None:
    """No search_path can change what is meant."""
    assert RelationName("public", "Guest Book").sql == 'public."Guest Book"'


@pytest.mark.parametrize(
    ("text", "literal"), [("it's", "'it''s'"), ("a\\b", " E'a\\\\b'"), ("'\\", " E'''\\\\'"), ("", "''")]
)
def test_literals(text: str, literal: str) -> None:
    """Quotes are doubled; a backslash means itself whatever standard_conforming_strings says."""
    assert names.literal(text) == literal


@pytest.mark.parametrize(
    ("text", "slug"), [("rename users.name", "rename_users_name"), ("Größe!", "gr_e"), ("…", "change")]
)
def test_folders_have_plain_names(text: str, slug: str) -> None:
    """Lower-case words joined by underscores, never empty."""
    assert names.slug(text) == slug
