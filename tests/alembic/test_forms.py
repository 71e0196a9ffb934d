"""env.py in the forms that people have: whose transaction it is, and what holds locks while `ec` works."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from expandcontract.model import killpoints
from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
op.execute("CREATE INDEX users_name ON users (name)")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
ROLLBACK = 'op.ec_rollback("b_rename")'
TOUCH = 'op.execute("ALTER TABLE users ADD COLUMN age int")'
LOCKS = text(
    "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND granted "
    "AND mode = 'AccessExclusiveLock'"
)


@pytest.fixture
def held(application: Connection) -> Iterator[list[int]]:
    """Give what gets the number of locks that stop the application, each time that the engine begins."""
    found = list[int]()

    def look(point: str) -> None:
        if point == "start.created":
            found.append(application.execute(LOCKS).scalar_one())

    killpoints.watch(look)
    yield found
    killpoints.watch(None)


FORMS = [
    pytest.param((form, opens, configure), marks=() if quick else pytest.mark.slow)
    for form, opens, configure, quick in (
        ("async", "connect", "", True),
        ("sync", "connect", "transaction_per_migration=True", True),
        ("async", "connect", "transaction_per_migration=True", False),
        ("sync", "connect", "", False),
        ("async", "begin", "", True),
        ("sync", "begin", "transaction_per_migration=True", False),
    )
]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_a_change_begins_in_every_form(
    tmp_path: Path,
    empty_database: str,
    application: Connection,
    held: list[int],
    form: tuple[str, str, str],
) -> None:
    """What earlier revisions of the run did is committed before, and none of their locks is held while `ec`
    works: an application would wait for all of it. Where env.py holds the transaction, that is a run of its
    own.
    """
    kind, opens, configure = form
    project = Project(tmp_path, empty_database, kind)
    project.env(opens=opens, configure=configure)
    project.revision("a", None, TABLE)
    project.revision("a2", "a", TOUCH)
    project.upgrade("a2" if opens == "begin" else "a")
    project.revision("b", "a2", START, ROLLBACK)
    project.revision("c", "b", 'op.execute("ALTER TABLE users ADD COLUMN size int")')
    project.upgrade()
    assert held == [0]
    assert project.at() == "c"
    assert application.execute(text("SELECT display_name, size FROM users WHERE id = 7")).one() == (
        "n7",
        None,
    )


@pytest.mark.parametrize("form", ["async", pytest.param("sync", marks=pytest.mark.slow)])
def test_in_a_transaction_of_env_py_nothing_may_be_written_before(
    tmp_path: Path, empty_database: str, application: Connection, form: str
) -> None:
    """It is not ours to commit: the run is refused with the line to change, and nothing of it is kept."""
    project = Project(tmp_path, empty_database, form)
    project.env(opens="begin")
    project.revision("a", None, TABLE)
    project.upgrade()
    project.revision("a2", "a", TOUCH)
    project.revision("b", "a2", START, ROLLBACK)
    word = "async with" if form == "async" else "with"
    said = (
        "EC201 op.ec_start comes after something that was written in this run.* "
        rf"Next: in env.py, {word} engine.connect\(\) as connection: and connection.commit\(\) after"
    )
    with pytest.raises(CommandError, match=said):
        project.upgrade()
    assert project.at() == "a"
    with pytest.raises(Exception, match='column "age" does not exist'):
        application.execute(text("SELECT age FROM users"))
    assert not application.execute(text("SELECT to_regnamespace('expandcontract')")).scalar_one()
    project.env(opens="connect")
    project.upgrade()
    assert project.at() == "b"


def test_two_changes_in_a_transaction_of_env_py_take_two_runs(tmp_path: Path, empty_database: str) -> None:
    """The row of the first one's revision is a write before the second. What the first one did stays, and is
    found done.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.env(opens="begin")
    project.revision("a", None, TABLE)
    project.upgrade()
    project.revision("b", "a", START, ROLLBACK)
    project.revision("c", "b", 'op.ec_wait("b_rename")')
    with pytest.raises(CommandError, match=r"kept but what op.ec_start did, which runs again and goes on\."):
        project.upgrade()
    assert project.at() == "a"
    project.upgrade("b")
    project.upgrade()
    assert project.at() == "c"


def test_without_its_options_an_operation_says_so(tmp_path: Path, empty_database: str) -> None:
    """Nobody saw the pending revisions then."""
    project = Project(tmp_path, empty_database, "sync")
    environment = tmp_path / "env.py"
    written = environment.read_text(encoding="utf-8").replace("**ec.options(connection),", "")
    environment.write_text(written, encoding="utf-8")
    project.revision("a", None, START, ROLLBACK)
    with pytest.raises(CommandError, match=r"EC201 env.py does not say anything of op.ec_start"):
        project.upgrade()
