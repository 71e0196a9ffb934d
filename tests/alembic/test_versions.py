"""Versions of Alembic, SQLAlchemy and Python, forms of env.py and drivers: each at least once, in pairs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.alembic.environments import ROOT, environment, newest_python

pytestmark = [pytest.mark.slow, pytest.mark.in_turn(2), pytest.mark.timeout(900)]

OLDEST, NEWEST = "sqlalchemy==2.0.36", "sqlalchemy"
OLD_PYTHON, NEW_PYTHON = "3.11", "newest"


@pytest.mark.parametrize(
    ("python", "versions", "options"),
    [
        (OLD_PYTHON, ("alembic==1.13.3", OLDEST), ("async", "connect", "asyncpg")),
        (OLD_PYTHON, ("alembic==1.13.3", OLDEST), ("sync", "begin", "psycopg", "--each")),
        (NEW_PYTHON, ("alembic==1.16.5", NEWEST), ("sync", "connect", "psycopg")),
        (NEW_PYTHON, ("alembic==1.16.5", NEWEST), ("async", "begin", "asyncpg", "--each")),
        (NEW_PYTHON, ("alembic==1.18.4", OLDEST), ("async", "connect", "psycopg", "--each")),
        (OLD_PYTHON, ("alembic", NEWEST), ("sync", "connect", "psycopg", "--each")),
        (OLD_PYTHON, ("alembic", NEWEST), ("async", "begin", "asyncpg")),
        (NEW_PYTHON, ("alembic", NEWEST), ("async", "connect", "asyncpg", "--each")),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value).replace("==", ""),
)
def test_a_change_lives_in_each(
    tmp_path: Path, empty_database: str, python: str, versions: Sequence[str], options: Sequence[str]
) -> None:
    """Up, a stop before contract, contract, down to before the change, and all of it again."""
    chosen = sys.executable if python == OLD_PYTHON else newest_python()
    form, opens, driver, *each = options
    ran = subprocess.run(
        [
            environment(chosen, *versions, "psycopg[binary]"),
            str(ROOT / "tests" / "alembic" / "life.py"), str(tmp_path), empty_database,
            "--form", form, "--opens", opens, "--driver", driver, *each,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    assert ran.stdout.endswith("lived\n"), ran.stdout
