"""What `options()` does to an environment: the user's own hooks, and databases that are not PostgreSQL."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.util import CommandError

import expandcontract.alembic as ec
from tests.alembic.project import Project

HOOKS = """
from sqlalchemy import Column, Integer, MetaData, Table

target_metadata = MetaData()
Table("ours", target_metadata, Column("id", Integer, primary_key=True))
asked = []


def include_object(object_, name, type_, reflected, compare_to):
    asked.append(name)
    return name != "theirs"


def include_name(name, type_, parents):
    asked.append(f"name {name}")
    return True


def process_revision_directives(context, revision, directives):
    asked.append("directives")
"""


def test_hooks_of_the_project_are_called_after_ours(tmp_path: Path, empty_database: str) -> None:
    """What the project leaves out is left out, and what it does to a revision is done last."""
    project = Project(tmp_path, empty_database, "sync")
    (tmp_path / "models_with_hooks.py").write_text(HOOKS, encoding="utf-8")
    project.revision("a", None, 'op.execute("CREATE TABLE theirs (id int PRIMARY KEY)")')
    project.env(
        models="models_with_hooks",
        options=", ".join(
            f"{hook}=models_with_hooks.{hook}"
            for hook in ("include_object", "include_name", "process_revision_directives")
        ),
    )
    environment = tmp_path / "env.py"
    environment.write_text(
        "import models_with_hooks\n" + environment.read_text(encoding="utf-8"), encoding="utf-8"
    )
    project.upgrade()
    project.within("revision", message="next", autogenerate=True)
    (written,) = (tmp_path / "versions").glob("*_next.py")
    text = written.read_text(encoding="utf-8")
    assert "create_table('ours'" in text
    assert "theirs" not in text.replace("# ", "")
    asked = sys.modules["models_with_hooks"].asked
    assert {"ours", "theirs", "name theirs", "directives"} <= set(asked)


def test_another_database_takes_everything_but_our_operations(tmp_path: Path) -> None:
    """An operation says what it needs, before anything is done; other revisions run."""
    project = Project(tmp_path, f"sqlite:///{tmp_path}/it.db", "sync")
    project.revision("a", None, 'op.create_table("t", sa.Column("id", sa.Integer))')
    project.upgrade()
    project.revision("b", "a", 'op.ec_start("rename-column", "t.id", "key", name="b_rename")')
    with pytest.raises(CommandError, match=r"EC201 op.ec_start needs PostgreSQL; this database is sqlite"):
        project.upgrade()
    assert project.within("current").startswith("a")


async def test_a_program_upgrades_within_its_loop(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Alembic's own command ends in an error, as env.py runs a loop of its own."""
    project = Project(tmp_path, empty_database, "async")
    project.revision("a", None, 'op.create_table("t", sa.Column("id", sa.Integer))')
    monkeypatch.setenv("DATABASE_URL", project.url)
    await ec.upgrade(tmp_path / "alembic.ini")
    assert await asyncio.to_thread(project.at) == "a"
