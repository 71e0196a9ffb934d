import subprocess
import sys

import pytest

import expandcontract
from expandcontract.cli.entry import run

HEAVY = (
    "sqlalchemy",
    "asyncpg",
    "asyncio",
    "pydantic",
    "pydantic_settings",
    "structlog",
    "rich",
    "humanize",
    "tomllib",
)


def imported(*arguments: str) -> set[str]:
    """Return the modules that a run of the interpreter imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    return {
        line.rsplit("|", 1)[-1].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }


@pytest.mark.parametrize("words", [["--help"], []], ids=["help", "nothing"])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """`ec --help` answers at once."""
    found = imported("-m", "expandcontract", *words)
    assert "typer" in found
    assert not found & set(HEAVY)


def test_the_package_imports_nothing() -> None:
    """`import expandcontract` costs nothing; names are resolved when they are used."""
    assert not imported("-c", "import expandcontract") & {*HEAVY, "expandcontract.model"}


def test_an_application_imports_neither_the_engine_nor_a_driver() -> None:
    """`expandcontract.orm` brings what it needs of SQLAlchemy, and an application keeps its own driver."""
    heavy = {
        "asyncpg",
        "psycopg",
        "pydantic",
        "structlog",
        "rich",
        "typer",
        "alembic",
        "expandcontract.engine",
    }
    assert not imported("-c", "import expandcontract.orm") & heavy


@pytest.mark.parametrize("name", expandcontract.__all__)
def test_the_public_names_resolve(name: str) -> None:
    """Everything that is promised is there."""
    assert getattr(expandcontract, name) is not None
    assert name in dir(expandcontract)


def test_what_is_not_public_is_not_there() -> None:
    """A wrong name is an AttributeError, as with any module."""
    with pytest.raises(AttributeError, match="nonsense"):
        expandcontract.nonsense  # noqa: B018


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """`ec --version` and `expandcontract.__version__` agree."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"ec {expandcontract.__version__}\n"
