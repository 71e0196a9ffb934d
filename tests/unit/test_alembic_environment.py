"""What `options()` gives, and what importing the module costs."""

import subprocess
import sys

import pytest
from alembic.util import CommandError
from sqlalchemy import create_engine

import expandcontract.alembic as ec


def fresh(program: str) -> str:
    """Run a program in a process that has imported nothing; return what it printed."""
    ran = subprocess.run(
        (sys.executable, "-c", program),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.stdout


def test_importing_it_brings_neither_the_engine_nor_drivers() -> None:
    """Every `alembic` command of every project that has it in env.py pays for what it imports."""
    found = fresh(
        "import sys\n"
        "import expandcontract.alembic\n"
        "import expandcontract.alembic.autogenerate\n"
        "heavy = ('asyncpg', 'pydantic', 'pydantic_settings', 'pglast')\n"
        "print([name for name in sys.modules if name.split('.')[0] in heavy"
        " or name.startswith(('expandcontract.engine', 'expandcontract.changes', 'expandcontract.cli'))])"
    )
    assert found.strip() == "[]"


def test_an_alembic_that_is_too_old_is_named() -> None:
    """Before anything breaks on what it lacks: with its version, and the way out."""
    found = fresh("import alembic\nalembic.__version__ = '1.12.1'\nimport expandcontract.alembic\n")
    assert "EC201 expandcontract needs Alembic 1.13 or later; this is 1.12.1." in found
    assert "pip install --upgrade alembic" in found


def test_beside_another_database_the_hooks_are_the_users_own() -> None:
    """Nothing of Alembic works otherwise there."""

    def own(*_: object) -> bool:
        return True

    with create_engine("sqlite://").connect() as connection:
        found = ec.options(connection, include_object=own)
    assert found.keys() == {"expandcontract", "include_object"}
    assert found["include_object"] is own


def test_on_shut_is_one_of_two_words() -> None:
    """A word that is misspelt would be silence where a pipeline wants to fail."""
    with pytest.raises(CommandError, match="EC201 on_shut is 'stopp'"):
        ec.options(on_shut="stopp")  # type: ignore[arg-type]


@pytest.mark.parametrize("configured", ["", "logging.basicConfig()\n"])
def test_a_warning_is_seen_whatever_the_project_logs(configured: str) -> None:
    """Once: Alembic's own logger is silent where nobody configures one."""
    found = fresh(
        "import logging\nimport expandcontract.alembic\n"
        f"{configured}from expandcontract.alembic.telling import log\n"
        "log.info('progress')\nlog.warning('Stopped before %s', 'c')\n"
    )
    assert found.count("Stopped before c") == 1
    assert "progress" not in found
