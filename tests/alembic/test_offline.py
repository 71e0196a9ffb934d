"""`alembic upgrade --sql`: a script that neither skips a change nor does half of it."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from alembic.util import CommandError

from expandcontract.cli.entry import run
from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 20) g")
"""
RENAME = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project that renames a column; ec works in its folder and on its database."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, TABLE, 'op.execute("DROP TABLE users")')
    made.revision("b", "a", RENAME, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EC_DATABASE_URL", empty_database)
    return made


def script(project: Project, verb: str, span: str) -> str:
    """Return the script of some revisions."""
    return project.within(verb, span, sql=True)


def executed(database: str, text: str) -> tuple[str, str]:
    """Execute a script; return the server's message and hint where it fails, and empty texts where not."""

    async def execute() -> tuple[str, str]:
        connection = await asyncpg.connect(database)
        try:
            await connection.execute(text)
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            return error.args[0], str(error.hint)
        finally:
            await connection.close()
        return "", ""

    return asyncio.run(execute())


def test_a_script_holds_to_what_ec_did(project: Project, empty_database: str) -> None:
    """There and back: each part fails with the command to run, and passes once that was run; where it fails
    the version stays.
    """
    project.upgrade("a")
    parts = [
        (
            "upgrade",
            "a:b",
            "ready: it is not started here",
            [["init"], ["alembic", "plan", "b_rename"], ["run", "b_rename"]],
        ),
        (
            "upgrade",
            "b:c",
            "contracted: it is active, in phase contract",
            [
                ["ack", "b_rename", "old-writers", "--reason", "a test"],
                ["ack", "b_rename", "soak", "--soak", "1d", "--reason", "a test"],
                ["contract", "b_rename", "--soak", "1d"],
            ],
        ),
        ("downgrade", "c:b", "taken back from contract: it is hidden", [["undo", "b_rename"]]),
        ("downgrade", "b:a", "rolled back: it is active", [["rollback", "b_rename"]]),
    ]
    for verb, span, fails, commands in parts:
        before, after = span.split(":")
        message, hint = executed(empty_database, script(project, verb, span))
        assert message.startswith(f"Change b_rename has to be {fails}"), message
        assert hint == "Run: " + " && ".join(f"ec {' '.join(each)}" for each in commands if each[0] != "ack")
        assert project.within("current").startswith(before)
        for each in commands:
            assert run(each) == 0
        assert executed(empty_database, script(project, verb, span)) == ("", "")
        assert project.within("current").startswith(after)


def test_without_a_ledger_there_is_nothing_to_take_back(project: Project, empty_database: str) -> None:
    """Downgrades pass where nothing was begun, as they do online."""
    project.upgrade("a")
    assert executed(empty_database, script(project, "downgrade", "b:a")) == ("", "")


def test_a_tenant_holds_to_its_own_change(project: Project, empty_database: str) -> None:
    """The one that another schema's tables have is not enough."""
    project.upgrade("b")
    text = f"CREATE SCHEMA tenant; SET search_path = tenant, public; {script(project, 'upgrade', 'a:b')}"
    message, hint = executed(empty_database, text)
    assert message == "Change b_rename@tenant has to be ready: it is not started here."
    assert hint == "Run: alembic upgrade, in that schema"


def test_statements_stand_in_comments_where_they_are_known(project: Project, tmp_path: Path) -> None:
    """From phases/, else from a catalog that somebody kept, else it is said that they are not known."""
    project.upgrade("a")
    added = "-- ALTER TABLE public.users ADD COLUMN display_name"
    unknown = script(project, "upgrade", "a:b")
    assert "-- Its statements depend on the catalog, and are not known here." in unknown
    assert added not in unknown
    assert (
        run(["plan", "rename-column", "users.name", "display_name", "--catalog", "users.json", "--sql"]) == 0
    )
    known = script_with(project, tmp_path / "users.json")
    assert added in known
    assert "-- == contract ==" in known
    assert run(["alembic", "plan"]) == 0
    assert added in script(project, "upgrade", "a:b")
    assert not [line for line in known.splitlines() if line.startswith("ALTER")]


def script_with(project: Project, catalog: Path) -> str:
    """Return the script of a contract and a start, with what a catalog says."""
    return project.alembic("-x", f"ec_catalog={catalog}", "upgrade", "a:c", "--sql").out


def test_a_fault_of_the_chain_writes_no_script(project: Project) -> None:
    """It would be one of the run as well."""
    project.revision("b", "a", f"{RENAME}\nop.drop_table('users')")
    with pytest.raises(CommandError, match="stands beside an operation of ec"):
        script(project, "upgrade", "a:b")


def test_a_catalog_that_is_not_there_is_named(project: Project, tmp_path: Path) -> None:
    """Rather than left out in silence."""
    ran = script_with(project, tmp_path / "none.json")
    assert "none.json" in ran
    assert "names a file or a folder" in ran
