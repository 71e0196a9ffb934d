"""What suites of tests do with migrations: up and down in one transaction, which they take back."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, text

from tests.alembic.project import Project

pytestmark = pytest.mark.in_turn(3)

ENV = """
from alembic import context

import expandcontract.alembic as ec

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, **ec.options(connection))
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project whose env.py takes the connection that a fixture has."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, 'op.execute("CREATE TABLE users (name text)")', "op.drop_table('users')")
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    made.revision("d", "c", 'op.execute("CREATE TABLE later (id int)")', 'op.execute("DROP TABLE later")')
    return made


@pytest.fixture
def engine(project: Project) -> Engine:
    """Give an engine of the suite's."""
    return create_engine(project.url)


def configured(project: Project, connection: Connection) -> Config:
    """Return a configuration with the connection."""
    (project.folder / "env.py").write_text(ENV, encoding="utf-8")
    made = Config(str(project.folder / "alembic.ini"))
    made.attributes["connection"] = connection
    return made


@pytest.mark.parametrize("there", [False, True])
def test_each_step_goes_up_down_and_up_in_it(project: Project, engine: Engine, *, there: bool) -> None:
    """Nobody else sees what the steps before have done, and their locks are held: each goes on from what
    Alembic's own connection shows. Afterwards nothing is left, or what was there before.
    """
    if there:
        project.upgrade()
    with engine.connect() as connection:
        config = configured(project, connection)
        outer = connection.begin()
        command.downgrade(config, "base")
        for revision in ("a", "b", "c", "d"):
            command.upgrade(config, revision)
            command.downgrade(config, "-1")
            command.upgrade(config, revision)
        command.downgrade(config, "base")
        command.upgrade(config, "head")
        columns = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'users'"
        assert connection.execute(text(columns)).scalars().all() == ["display_name"]
        outer.rollback()
        left = connection.execute(text("SELECT to_regclass('later'), to_regnamespace('expandcontract')"))
        assert all(bool(each) == there for each in left.one())
    engine.dispose()


def test_rows_are_nothing_for_it(project: Project, engine: Engine) -> None:
    """What is copied is copied on other connections, which see none of it: the run says so."""
    with engine.connect() as connection:
        config = configured(project, connection)
        outer = connection.begin()
        command.upgrade(config, "b")
        connection.execute(text("INSERT INTO users VALUES ('Ada')"))
        with pytest.raises(CommandError, match=r"EC201 op\.ec_contract comes after something .* was written"):
            command.upgrade(config, "c")
        outer.rollback()
    engine.dispose()
