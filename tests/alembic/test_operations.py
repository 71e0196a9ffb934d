"""What operations beside start and contract do, and where there is no way back."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import purge
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.alembic.project import Project
from tests.ledgers.restore import restore

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename", inline="{inline}")'
ROLLBACK, UNDO = 'op.ec_rollback("b_rename")', 'op.ec_undo("b_rename")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project whose table is there. The URL of its engine has a blank, which ec has to read as one."""
    made = Project(tmp_path, empty_database, "sync")
    made.url += f"{'&' if '?' in made.url else '?'}options=-c%20work_mem%3D8MB"
    made.revision("a", None, TABLE)
    made.upgrade()
    return made


def test_a_pipeline_may_wait_within_alembic(project: Project) -> None:
    """As long as it says; who waits for what is there goes on."""
    project.revision("b", "a", START.format(inline="0"), ROLLBACK)
    project.revision("c", "b", 'op.ec_wait("b_rename", "ready", timeout="0")')
    with pytest.raises(CommandError, match="EC404 b_rename is not ready yet"):
        project.upgrade()
    assert project.at() == "b"
    project.within("stamp", "a")
    project.revision("b", "a", START.format(inline="1min"), ROLLBACK)
    project.upgrade()
    assert project.at() == "c"


def test_what_has_nothing_to_contract_is_run_at_once(project: Project, application: Connection) -> None:
    """All of it, and a downgrade takes it back."""
    run = 'op.ec_run("add-index", "users", "name", called="ix_users_name", name="b_index")'
    project.revision("b", "a", run, 'op.ec_rollback("b_index")')
    found = text("SELECT to_regclass('ix_users_name') IS NOT NULL")
    project.upgrade()
    assert application.execute(found).scalar_one()
    project.downgrade("a")
    assert not application.execute(found).scalar_one()


@pytest.mark.usefixtures("quiet")
@pytest.mark.usefixtures("quiet")
def test_what_was_contracted_before_its_row_was_written_is_begun(project: Project) -> None:
    """A run that died before the version row, and a contract from the command line after it: the next run
    finds nothing to fill, and goes on.
    """
    project.revision("b", "a", START.format(inline="1min"), ROLLBACK)
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="1ms")', UNDO)
    project.upgrade("b")
    project.upgrade()
    assert project.at() == "c"
    project.within("stamp", "a")
    project.upgrade()
    assert project.at() == "c"


@pytest.mark.usefixtures("quiet")
def test_after_purge_there_is_no_way_down(
    project: Project, application: Connection, empty_database: str
) -> None:
    """Where there are rows: what was hidden is dropped. The downgrade says so, before it changes anything."""
    project.revision("b", "a", START.format(inline="1min"), ROLLBACK)
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="0")', UNDO)
    project.upgrade()
    application.execute(text("INSERT INTO users (id, display_name) VALUES (0, 'of new code')"))
    project.upgrade()

    async def purged() -> None:
        database = Database(empty_database)
        context = Context(database, Policy(), lambda _: None, "somebody")
        await purge.purge(context, "b_rename", now=True, confirm="b_rename")
        await database.close()

    asyncio.run(purged())
    with pytest.raises(CommandError, match=r"EC312 b_rename was purged: .* Next: a revision that begins"):
        project.downgrade("a")
    assert project.at() == "c"


def test_a_change_of_an_earlier_program_is_known(
    tmp_path: Path, empty_database: str, application: Connection
) -> None:
    """Its ledger is brought up to date first: what cannot be read must not pass for what never began."""

    async def restored() -> None:
        connection = await asyncpg.connect(empty_database)
        await restore(connection, "0.1", "rename-ready")
        await connection.close()

    asyncio.run(restored())
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, "pass")
    rename = 'op.ec_start("rename-column", "people.name", "display_name", name="0001_people")'
    project.revision("b", "a", rename, 'op.ec_rollback("0001_people")')
    project.within("stamp", "b")
    project.downgrade("a")
    query = text("SELECT state FROM expandcontract.change")
    assert application.execute(query).scalar_one() == "rolled_back"
