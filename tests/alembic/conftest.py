"""What the tests of this folder share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from tests.alembic.project import DRIVERS


@pytest.fixture
def application(empty_database: str) -> Iterator[Connection]:
    """Give a connection of the application's, which commits each statement."""
    engine = create_engine(
        empty_database.replace("postgresql", DRIVERS["sync"], 1), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for no time without old code."""
    monkeypatch.setenv("EC_QUIET_FOR", "0")
