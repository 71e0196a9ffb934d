import pytest
from hypothesis import given
from hypothesis import strategies as st

from expandcontract.cli.redaction import exposed, redact


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://ada:pw@h/d", "postgresql://ada:***@h/d"),
        ("postgresql+asyncpg://ada:p@w:1@h:5432/d?sslmode=require", "postgresql+asyncpg://ada:***@h:5432/d?sslmode=require"),
        ("cannot use 'postgres://ada:pw@h/d'.", "cannot use 'postgres://ada:***@h/d'."),
        ("host=h password=pw dbname=d", "host=h password=*** dbname=d"),
        ("host=h password = 'p w' dbname=d", "host=h password = *** dbname=d"),
        ("postgresql://h/d?user=ada&password=pw&x=1", "postgresql://h/d?user=ada&password=***&x=1"),
        ("postgresql://:pw@h/d", "postgresql://:***@h/d"),
    ],
)  # fmt: skip
def test_passwords_are_hidden(text: str, kept: str) -> None:
    """However a URL or a DSN is written, only its password goes."""
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text", ["users.name -> display_name", "postgresql://ada@h/d", "https://host:5432/x", "a: b @ c"]
)
def test_what_is_no_password_stays(text: str) -> None:
    """Names, URLs without a password and plain text are left alone."""
    assert redact(text) == text


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8))
def test_no_password_survives(password: str) -> None:
    """Whatever characters it has."""
    text = redact(f"tried postgresql://ada:{password}@db.example:5432/shop twice")
    assert f":{password}@" not in text
    assert text.endswith("db.example:5432/shop twice")


def test_an_option_with_a_password_is_named() -> None:
    """Whatever form it has: the whole machine sees the command line. Without a password there is no word."""
    written = {
        "database_url": "postgresql://ada:pw@h/d",
        "direct_url": "host=h password=pw",
        "standby": "postgresql://ada@h/d",
        "json": True,
    }
    assert list(exposed(written)) == ["--database-url", "--direct-url"]
