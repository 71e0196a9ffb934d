"""The URL by which sessions of ec find a tenant's tables."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from expandcontract.alembic.tenants import Home

PATH = '"one", public'


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:p+w@h/db", "postgresql+asyncpg://u:p+w@h/db?application_name=a%2Bb&options=-cx%3D1"],
)
def test_the_path_is_as_it_is_on_alembics_connection(url: str) -> None:
    """Each blank is one for whoever reads the URL, and each + of a password or a parameter stays one."""
    parts = urlsplit(Home("one", PATH).leading(url))
    assert "+" not in parts.query
    given = dict(parse_qsl(parts.query))
    assert given["options"].endswith("-csearch_path=" + PATH.replace(" ", "\\ "))
    assert given.get("application_name", "a+b") == "a+b"
    assert unquote(parts.password or "") == "p+w"


def test_without_a_path_of_its_own_a_session_finds_them_by_itself() -> None:
    """The URL is as it was."""
    assert Home("public").leading("postgresql://h/db?application_name=a+b") == (
        "postgresql://h/db?application_name=a+b"
    )
