"""`alembic upgrade head`: changes begin, and contracts wait until their gates are open."""

import logging
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users (id, name) SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
ROLLBACK, UNDO = 'op.ec_rollback("b_rename")', 'op.ec_undo("b_rename")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project that renames a column of a table with rows."""
    return renaming(tmp_path, empty_database, "async")


def renaming(folder: Path, url: str, form: str, *, soak: str = "1d") -> Project:
    """Return a project that renames a column of a table with rows."""
    made = Project(folder, url, form)
    made.revision("a", None, TABLE, 'op.execute("DROP TABLE users")')
    made.revision("b", "a", START, ROLLBACK)
    made.revision("c", "b", f'op.ec_contract("b_rename", soak="{soak}")', UNDO)
    return made


def columns(application: Connection) -> set[str]:
    """Return the columns of the table."""
    query = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'users'"
    return set(application.execute(text(query)).scalars())


def state(application: Connection, name: str = "b_rename") -> str:
    """Return the state of the change."""
    query = text("SELECT state FROM expandcontract.change WHERE name = :name")
    return str(application.execute(query, {"name": name}).scalar_one())


def test_the_run_that_starts_a_change_ends_before_its_contract(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """All is well, and the next deploy goes on: then the gates say why not yet, and when."""
    with caplog.at_level(logging.WARNING):
        project.upgrade()
    assert project.at() == "b"
    assert "Stopped before c, which contracts b_rename: b_rename begins in this run." in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        project.upgrade()
    assert project.at() == "b"
    assert "soak: Less than 1d ready. Opens in " in caplog.text


def test_with_a_revision_behind_a_shut_contract_nothing_is_run(
    project: Project, application: Connection
) -> None:
    """Code that waits for that revision would find it missing: the command fails, and names both."""
    project.upgrade("a")
    project.revision("d", "c", 'op.execute("SELECT 1")')
    said = r"EC310 c contracts b_rename, .* begins in this run. Revision d comes after it. Nothing was run."
    with pytest.raises(CommandError, match=said):
        project.upgrade()
    assert project.at() == "a"
    assert columns(application) == {"id", "name"}


def test_who_wants_no_silence_is_told_by_the_exit_code(project: Project) -> None:
    """With on_shut="fail" a shut contract fails the run, also where nothing comes after it."""
    project.env(options='on_shut="fail"')
    ran = project.alembic("upgrade", "head")
    assert ran.code == 255, ran.out
    assert "EC310 c contracts b_rename" in ran.out


@pytest.mark.in_turn(2)
@pytest.mark.usefixtures("quiet")
def test_up_down_and_up_again(tmp_path: Path, empty_database: str, application: Connection) -> None:
    """In every state of a change: contract passes once its gates are open, and twice; a downgrade undoes it,
    and then takes the change back, both also where somebody did so by hand before.
    """
    project = renaming(tmp_path, empty_database, "async", soak="0")
    project.upgrade()
    assert project.at() == "b"
    application.execute(text("INSERT INTO users (id, display_name) VALUES (0, 'of new code')"))
    project.upgrade()
    assert project.at() == "c"
    assert columns(application) == {"id", "display_name", "~ec_name"}
    project.within("stamp", "b")
    project.upgrade()
    assert project.at() == "c"
    project.downgrade("b")
    assert columns(application) == {"id", "display_name", "name"}
    project.within("stamp", "c")
    project.downgrade("a")
    assert columns(application) == {"id", "name"}
    project.within("stamp", "c")
    project.downgrade("a")
    assert state(application) == "rolled_back"
    project.upgrade()
    assert project.at() == "b"
    assert columns(application) == {"id", "display_name", "name"}


def test_what_never_began_is_taken_back_by_doing_nothing(project: Project) -> None:
    """Who stamped a database may go down from there; there is no ledger, and none comes."""
    project.upgrade("a")
    project.within("stamp", "c")
    project.downgrade("a")
    assert project.at() == "a"


@pytest.mark.in_turn(2)
@pytest.mark.usefixtures("quiet")
def test_changes_of_one_table_do_not_keep_each_other_from_contract(
    tmp_path: Path, empty_database: str, application: Connection
) -> None:
    """What one lays on the table spoils the proof of another, and so does its contract: the run that is to
    contract proves it anew.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, TABLE.replace("NOT NULL)", "NOT NULL, mail text)"))
    second = 'op.ec_start("rename-column", "users.mail", "address", name="b2_rename")'
    project.revision("b", "a", START, ROLLBACK)
    project.revision("b2", "b", second, 'op.ec_rollback("b2_rename")')
    project.revision("c", "b2", 'op.ec_contract("b_rename", soak="0")', UNDO)
    project.revision("c2", "c", 'op.ec_contract("b2_rename", soak="0")', 'op.ec_undo("b2_rename")')
    project.upgrade()
    assert project.at() == "b2"
    application.execute(text("INSERT INTO users (id, address, display_name) VALUES (0, 'new', 'code')"))
    project.upgrade()
    assert project.at() == "c2"
    assert {"address", "display_name"} <= columns(application)
