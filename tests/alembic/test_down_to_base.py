"""`alembic downgrade base` from wherever the changes of a table are, and up again."""

from pathlib import Path

import pytest

from tests.acceptance.catalog import difference
from tests.alembic.catalog import of_the_application, schema
from tests.alembic.project import Project
from tests.rotation import part

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mail text, fax text, age int)")
op.execute("INSERT INTO users SELECT g, 'n' || g, 'm', 'f', 1 FROM generate_series(1, 100) g")
"""
#: Of one table, which all of them are about at once.
CHANGES = {
    "b1": 'op.ec_start("rename-column", "users.name", "display_name", name="b1_it")',
    "b2": 'op.ec_start("drop-column", "users.fax", name="b2_it")',
    "b3": 'op.ec_start("change-type", "users.age", type="bigint", swap=True, name="b3_it")',
    "b4": 'op.ec_run("add-index", "users", "mail", name="b4_it")',
}


@pytest.mark.parametrize("to", part(["b4", "c1", "c2", "c3"], 2))
def test_there_and_back(tmp_path: Path, empty_database: str, to: str) -> None:
    """Some of the changes are ready, some contracted, one is at its end: each is taken back by the revision
    that did it, and what was there before is there again.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.revision("a", None, TABLE, 'op.execute("DROP TABLE users")')
    below = "a"
    for revision, begins in CHANGES.items():
        project.revision(revision, below, begins, f'op.ec_rollback("{revision}_it")')
        below = revision
    for number in (1, 2, 3):
        name = f'"b{number}_it"'
        project.revision(f"c{number}", below, f'op.ec_contract({name}, soak="1us")', f"op.ec_undo({name})")
        below = f"c{number}"
    project.upgrade("a")
    before = schema(empty_database)
    for _ in range(2):
        project.upgrade("b4")
        if to != "b4":
            project.upgrade(to)
        assert project.at() == to
        project.downgrade("a")
        assert difference(before, of_the_application(schema(empty_database))) == []
    project.downgrade()
    assert project.at() == ""
