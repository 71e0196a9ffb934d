"""`alembic upgrade head`: changes begin, and contracts wait until their gates are open."""

from pathlib import Path

import pytest

from tests.alembic.project import Project


@pytest.fixture(params=["async", "sync"])
def project(request: pytest.FixtureRequest, tmp_path: Path, empty_database: str) -> Project:
    """Give a project that renames a column of a table with rows."""
    made = Project(tmp_path, empty_database, request.param)
    made.revision(
        "a",
        None,
        """
        op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
        op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
        """,
        'op.execute("DROP TABLE users")',
    )
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    return made


def test_the_run_that_starts_a_change_ends_before_its_contract(project: Project) -> None:
    """All is well, the exit code too: the next deploy goes on."""
    ran = project.alembic("upgrade", "head")
    assert ran.code == 0, ran.out
    assert "b (head)" not in project.within("current")
    assert project.within("current").startswith("b")
