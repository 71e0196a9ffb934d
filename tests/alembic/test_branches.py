"""Two branches with changes on one table."""

import logging
from pathlib import Path

import asyncpg
import pytest
from alembic.util import CommandError

from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, age int NOT NULL)")
op.execute("INSERT INTO users SELECT g, 'n' || g, g FROM generate_series(1, 20) g")
"""
RENAME = 'op.ec_start("rename-column", "users.{}", "{}", name="{}")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project with a table with rows."""
    made = Project(tmp_path, empty_database, "sync")
    made.revision("a", None, TABLE, 'op.execute("DROP TABLE users")')
    return made


def branch(project: Project, id_: str, column: str, to: str) -> None:
    """Add a branch that renames a column."""
    project.revision(id_, "a", RENAME.format(column, to, f"{id_}_rename"), f'op.ec_rollback("{id_}_rename")')


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("first", ["b", "x"])
async def test_two_columns_of_one_table_are_changed_in_either_order(
    project: Project, empty_database: str, first: str
) -> None:
    """Each branch by itself, then both merged; both sides have all rows, and downgrades go back."""
    branch(project, "b", "name", "display_name")
    branch(project, "x", "age", "years")
    project.upgrade(first)
    project.merge("m", ("b", "x"))
    project.upgrade()
    assert project.within("current").startswith("m")
    connection = await asyncpg.connect(empty_database)
    try:
        counted = "SELECT count(*) FROM users WHERE (display_name, years) = (name, age)"
        assert await connection.fetchval(counted) == 20
    finally:
        await connection.close()
    project.downgrade()
    assert not project.within("current")


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("first", ["b", "x"])
def test_one_column_in_two_branches_is_refused_before_anything_is_run(project: Project, first: str) -> None:
    """Whichever was carried out before; one branch alone goes up."""
    branch(project, "b", "name", "display_name")
    branch(project, "x", "name", "title")
    project.upgrade(first)
    project.merge("m", ("b", "x"))
    with pytest.raises(CommandError, match="are both about name"):
        project.upgrade()
    assert project.within("current").startswith(first)


def test_of_a_fault_in_the_chain_nothing_is_run(project: Project) -> None:
    """Not even the revisions before it."""
    project.revision("b", "a", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    with pytest.raises(CommandError, match=r"versions/b\.py:9 ec_contract b_rename: no revision begins that"):
        project.upgrade()
    assert not project.within("current")


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("other", ["b0", "x0"])
def test_a_contract_that_waits_keeps_no_other_branch_back(
    project: Project, caplog: pytest.LogCaptureFixture, other: str
) -> None:
    """Nor does a merge that does nothing fail the run: it is left out with what it stands upon, and the next
    run goes on. A revision behind the contract that does something is told, and nothing is run.
    """
    branch(project, "b", "name", "display_name")
    project.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    branch(project, "x", "age", "years")
    project.revision("z", "x", 'op.ec_contract("x_rename")', 'op.ec_undo("x_rename")')
    project.revision(
        other, "a", 'op.execute("CREATE TABLE seats (id int)")', 'op.execute("DROP TABLE seats")'
    )
    project.merge("m", ("c", other, "z"))
    with caplog.at_level(logging.WARNING):
        project.upgrade()
    assert {line.split()[0] for line in project.within("current").splitlines()} == {"b", "x", other}
    assert "Stopped before c, which contracts b_rename" in caplog.text
    assert "Stopped before z, which contracts x_rename" in caplog.text
    project.upgrade()
    project.revision("m", ("c", other, "z"), 'op.execute("DROP TABLE seats")')
    with pytest.raises(CommandError, match=r"EC310 (c|z) contracts .* Revision m comes after it"):
        project.upgrade()
