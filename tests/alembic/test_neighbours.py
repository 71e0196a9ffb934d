"""What others have written to test migrations passes on a chain with every operation, as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import alembic
import pytest

from tests.alembic.environments import ROOT, environment, source
from tests.alembic.project import Project
from tests.alembic.rolling import APPS

pytestmark = [pytest.mark.slow, pytest.mark.in_turn(2), pytest.mark.timeout(900)]

#: Both hand their connection to env.py: one an engine, the other a connection in a transaction, and a schema.
ENV = """
from alembic import context
from sqlalchemy import Engine

import expandcontract.alembic as ec
from tests.alembic.apps.a.models import target_metadata

given, schema = context.config.attributes["connection"], context.config.attributes.get("target_schema")


def run(connection):
    context.configure(
        connection=connection, target_metadata=target_metadata, version_table_schema=schema,
        **ec.options(connection)
    )
    with context.begin_transaction():
        context.run_migrations()


if isinstance(given, Engine):
    with given.connect() as opened:
        run(opened)
else:
    run(given)
"""
THEIRS = """
import os

import pytest
from sqlalchemy import create_engine

from pytest_alembic.tests import *


@pytest.fixture
def alembic_config():
    return {"file": "alembic.ini"}


@pytest.fixture
def alembic_engine():
    engine = create_engine(os.environ["DATABASE_URL"].replace("asyncpg", "psycopg"))
    yield engine
    engine.dispose()
"""
GAUNTLET = '''
import os

import pytest
from alembic_gauntlet import MigrationTestBase

from tests.alembic.apps.a.models import target_metadata


EMPTIED = """DO $$ DECLARE found text; BEGIN
    FOR found IN SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR nspname LIKE 'expandcontract%'
    LOOP EXECUTE format('DROP SCHEMA %I CASCADE', found); END LOOP;
    CREATE SCHEMA public;
END $$"""


class TestMigrations(MigrationTestBase):
    @pytest.fixture
    def orm_metadata(self):
        return target_metadata

    @pytest.fixture(scope="session")
    def migration_db_url(self):
        return os.environ["DATABASE_URL"]

    @pytest.fixture
    async def isolated_migration_schema(self, migration_engine):
        # What env.py puts into the search_path is a tenant's: its changes take a run for each step.
        yield "public"
        async with migration_engine.begin() as connection:
            await connection.exec_driver_sql(EMPTIED)
'''


@pytest.mark.parametrize(
    ("suite", "count", "other"),
    [(THEIRS, 4, "alembic_gauntlet"), (GAUNTLET, 7, "pytest_alembic")],
    ids=["pytest-alembic", "alembic-gauntlet"],
)
def test_their_tests_pass(tmp_path: Path, empty_database: str, suite: str, count: int, other: str) -> None:
    """Each revision goes up, down and up again on an empty database, and models and database agree."""
    project = _chain(tmp_path, empty_database, waits=suite is THEIRS)
    (tmp_path / "test_theirs.py").write_text(suite)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    python = environment(
        sys.executable,
        "pytest==8.4.2",  # a later one breaks pytest-alembic's collection
        "pytest-alembic==0.13.1",
        "alembic-gauntlet[asyncio]==0.3.1",
        "psycopg[binary]",
    )
    ran = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            f"no:{other}",
            "-q",
            "--tb=short",
            "test_theirs.py",
        ],
        cwd=tmp_path,
        env={**project.environment(), "PYTHONPATH": str(ROOT), "RELEASE": "5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"{count} passed" in ran.stdout


def test_alembics_own_tests_pass_with_ours_imported() -> None:
    """What is registered is beside what Alembic has, and changes none of it."""
    folder = source(f"alembic=={alembic.__version__}")
    if not (folder / "tests").is_dir():
        pytest.skip("needs an Alembic whose source has its tests")
    python = environment(sys.executable, f"alembic=={alembic.__version__}", "pytest==8.4.2", "black==25.9.0")
    words = ("-q", "-p", "no:cacheprovider", "-p", "expandcontract.alembic", "--tb=short", "tests")
    ran = subprocess.run(
        [python, "-m", "pytest", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:]


def _chain(folder: Path, url: str, *, waits: bool) -> Project:
    """Return the five releases, and a sixth with the operations that they do not have. Nothing can be waited
    for by who keeps the whole run in one transaction of his own.
    """
    project = Project(folder, url)
    (folder / "env.py").write_text(ENV)
    for revision in (APPS / "a" / "versions").glob("*.py"):
        shutil.copy(revision, folder / "versions")
    default = """op.ec_run("set-default", "posts.title", "'none'", name="a6_default_posts_title")"""
    project.revision("a6", "a5c", default, 'op.ec_rollback("a6_default_posts_title")')
    if waits:
        project.revision("a7", "a6", 'op.ec_wait("a5_drop_posts_mood", "hidden")')
    return project
