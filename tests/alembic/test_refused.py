"""Runs that are refused before their first revision: a code, a reason, what to do; and nothing is changed."""

import asyncio
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

from expandcontract.testing.server import Server
from tests.alembic.project import DRIVERS, Project
from tests.pooler import pooled

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mail text)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "{to}", name="b_rename", inline="0")'
ROLLBACK, UNDO = 'op.ec_rollback("b_rename")', 'op.ec_undo("b_rename")'
CONTRACT = 'op.ec_contract("b_rename", soak="0")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project whose table is there."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, TABLE)
    made.upgrade()
    return made


def has_ledger(application: Connection) -> bool:
    """Return whether somebody made one."""
    return bool(
        application.execute(text("SELECT to_regnamespace('expandcontract') IS NOT NULL")).scalar_one()
    )


def test_a_contract_of_nothing(project: Project, application: Connection) -> None:
    """Of a change that nobody begins: nothing that one waits for brings it about."""
    project.revision("b", "a", 'op.execute("SELECT 1")')
    project.revision("c", "b", CONTRACT, UNDO)
    with pytest.raises(CommandError, match=r"EC20\d .*b_rename.*Nothing was run\. Next: "):
        project.upgrade()
    assert project.at() == "a"
    assert not has_ledger(application)


def test_a_revision_that_was_edited_after_it_had_begun_its_change(project: Project) -> None:
    """The database has what it said then; a change of another spec is another revision. After a rollback it
    may say what it likes, and a contract of it waits for nothing.
    """
    project.revision("b", "a", START.format(to="display_name"), ROLLBACK)
    project.upgrade()
    project.within("stamp", "a")
    project.upgrade()
    project.within("stamp", "a")
    project.revision("b", "a", START.format(to="shown_name"), ROLLBACK)
    said = r"EC319 The revision that begins b_rename was edited.*display.*shown.*Nothing was run\. Next: take"
    with pytest.raises(CommandError, match=said):
        project.upgrade()
    assert project.at() == "a"
    project.within("stamp", "b")
    project.downgrade("a")
    project.within("stamp", "b")
    project.revision("c", "b", CONTRACT, UNDO)
    with pytest.raises(CommandError, match=r"EC312 .*b_rename, which is not begun\. .*rolled back.* Next: "):
        project.upgrade()
    project.downgrade("a")
    project.revision("c", "b", "pass")
    project.upgrade()
    assert project.at() == "c"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('op.execute("SELECT 1")\nop.ec_undo("x")', "stands beside an operation of ec"),
        ('op.ec_start("rename-column", "users.name", "n", name=NAME)', "is no literal"),
        ('op.ec_undo("x")\nop.ec_rollback("x")', "is a second operation of ec"),
    ],
)
def test_a_file_that_cannot_be_read_without_running_it(project: Project, body: str, said: str) -> None:
    """Or that could not be gone on with: with its place."""
    project.revision("b", "a", "pass")
    project.revision("c", "b", body)
    with pytest.raises(CommandError, match=rf"EC201 .*c\.py:\d+ .*{said}.* Next: "):
        project.upgrade()
    assert project.at() == "a"


async def test_a_pooler_without_a_way_around_it(
    project: Project,
    application: Connection,
    empty_database: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An index would not come about through it, when the change is half begun. With the way it works."""
    project.revision("a2", "a", 'op.execute("CREATE INDEX ON users (name)")')
    project.revision("b", "a2", START.format(to="display_name"), ROLLBACK)
    async with pooled(server, empty_database, backends=4) as url:
        project.url = url.replace("postgresql", DRIVERS["sync"], 1)
        with pytest.raises(CommandError, match=r"EC211 .* Next: Set EC_DIRECT_URL"):
            await asyncio.to_thread(project.upgrade)
        assert not has_ledger(application)
        monkeypatch.setenv("EC_DIRECT_URL", empty_database)
        await asyncio.to_thread(project.upgrade)
        assert project.at() == "b"


def test_a_hazard_is_acknowledged_in_the_revision(project: Project, application: Connection) -> None:
    """The next line is what to write there, not a command that would begin the change beside the revision."""
    application.execute(text("ALTER TABLE users ADD CONSTRAINT once UNIQUE (mail)"))
    start = 'op.ec_start("rename-column", "users.mail", "email", name="b_rename"{})'
    project.revision("b", "a", start.format(""), ROLLBACK)
    with pytest.raises(CommandError, match=r"EC308 .*Next: acknowledge=\['upsert:once'\] in the revision"):
        project.upgrade()
    project.revision("b", "a", start.format(", acknowledge=['upsert:once']"), ROLLBACK)
    project.upgrade()
    assert project.at() == "b"


def test_a_role_without_rights(project: Project, application: Connection) -> None:
    """It may neither make the ledger nor work on a table of somebody else's."""
    application.execute(text("CREATE ROLE deployer LOGIN"))
    application.execute(text("GRANT ALL ON alembic_version TO deployer"))
    try:
        project.revision("b", "a", START.format(to="display_name"), ROLLBACK)
        project.url = project.url.replace("postgres@", "deployer@")
        with pytest.raises(CommandError, match=r"EC304 .*Next: "):
            project.upgrade()
        assert not has_ledger(application)
        assert project.at() == "a"
    finally:
        application.execute(text("DROP OWNED BY deployer"))
        application.execute(text("DROP ROLE deployer"))
