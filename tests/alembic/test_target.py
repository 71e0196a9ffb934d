"""`ec alembic target`: how far a database can be upgraded now, and why not further."""

import json
import shlex
from pathlib import Path

import pytest
from alembic.util import CommandError

from expandcontract.cli.entry import run
from tests.alembic.project import Project

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, age int)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 20) g")
"""
HOLDING = """
from sqlalchemy import Column, Integer, MetaData, Text, Table
target_metadata = MetaData()
columns = Column("id", Integer, primary_key=True), Column("name", Text), Column("age", Integer)
Table("users", target_metadata, *columns)
"""
RENAME = 'op.ec_start("rename-column", "users.{}", "{}", name="{}_rename")'


@pytest.fixture
def project(tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project that renames a column of a table with rows; ec finds its env.py's database by itself."""
    made = Project(tmp_path, empty_database, "async")
    made.revision("a", None, TABLE, 'op.execute("DROP TABLE users")')
    made.revision("b", "a", RENAME.format("name", "display_name", "b"), 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", made.url)
    monkeypatch.delenv("EC_DATABASE_URL", raising=False)
    return made


def target(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[str, str]:
    """Return what the command answers and what it says beside that."""
    capsys.readouterr()
    assert run(["alembic", "target", *options]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_the_target_is_what_can_be_applied_now(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first deploy, after it, and past the contract; the lines to copy open gates. Code whose own
    models have the old column does not contract. Of a table that is still to come nobody knows that it will
    have rows.
    """
    assert target(capsys) == ("c\n", "")
    project.upgrade("a")
    out, err = target(capsys)
    assert out == "b\n"
    assert "c contracts b_rename" in err
    assert project.at() == "a"
    project.upgrade(out.strip())
    said = json.loads(target(capsys, "--json")[0])
    assert (said["target"], said["current"], said["pending"]) == (["b"], ["b"], [])
    assert (said["waiting"], said["change"]) == ("c", "b_rename")
    assert "soak" in [gate["name"] for gate in said["gates"]]
    assert said["soaked_at"]
    for gate in said["gates"]:
        assert run(["--database-url", project.url, *shlex.split(gate["next"])[1:]]) == 0
    assert target(capsys) == ("c\n", "")
    (project.folder / "holding_models.py").write_text(HOLDING, encoding="utf-8")
    monkeypatch.syspath_prepend(str(project.folder))
    project.env(models="holding_models")
    out, err = target(capsys)
    assert out == "b\n"
    assert "The models of this code name" in err
    project.env()
    project.upgrade("c")
    assert target(capsys) == ("c\n", "")


def test_gates_say_what_the_run_says(
    project: Project,
    empty_database: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How long a change has to be ready stands in its revision: whoever judges gates goes by that, from the
    first run on that has seen it, and by what the revision says then.
    """
    monkeypatch.setenv("EC_DATABASE_URL", empty_database)
    project.upgrade()  # begins, and ends before what contracts

    def soak() -> tuple[bool, str]:
        capsys.readouterr()
        run(["gates", "b_rename", "--json"])
        said = json.loads(capsys.readouterr().out)
        (told,) = (each for each in said["gates"] if each["name"] == "soak")
        return told["open"], told["reason"]

    assert soak()[0] is False
    assert "1d" in soak()[1]
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="2h")', 'op.ec_undo("b_rename")')
    project.upgrade()
    assert project.at() == "b"
    assert "2h" in soak()[1]
    assert run(["ack", "b_rename", "soak", "--reason", "the test has no time"]) == 0
    assert soak()[0] is True


def test_branches_have_a_target_each(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """What waits in one of them keeps nothing of the other one back that comes before it."""
    project.revision("x", "a", "op.add_column('users', sa.Column('seen', sa.Integer))", "pass")
    project.upgrade("a")
    out, _ = target(capsys)
    assert set(out.split()) == {"b", "x"}


def test_a_database_that_this_code_does_not_know_is_left_to_alembic(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether an old image may start, the upgrade itself decides."""
    project.revision("z", "a", "pass")
    project.upgrade("z")
    (project.folder / "versions" / "z.py").unlink()
    assert target(capsys)[0] == "heads\n"


def test_a_fault_of_the_chain_is_an_error(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """As it would be of the upgrade."""
    project.revision("c", "b", 'op.ec_contract("c_rename")', "pass")
    assert run(["alembic", "target"]) == 2
    assert "versions/c.py:12 ec_contract c_rename is not taken back" in capsys.readouterr().err


def test_an_env_py_without_options_is_named(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Contracts would not wait there."""
    path = project.folder / "env.py"
    path.write_text(
        path.read_text(encoding="utf-8").replace("**ec.options(connection),", ""), encoding="utf-8"
    )
    assert run(["alembic", "target"]) == 2
    assert "env.py does not say **ec.options(connection)" in capsys.readouterr().err


def test_a_contract_may_be_let_stand_above_a_newcomer(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """As long as no database has it: two lines, and the release passes."""
    project.upgrade("b")
    add = "op.add_column('users', sa.Column('seen', sa.Integer))"
    project.revision("d", "c", add)
    with pytest.raises(CommandError, match="Revision d comes after it"):
        project.upgrade()
    out, err = target(capsys)
    assert out == "b\n"
    assert "Behind it, and so not to be reached: d." in err
    project.revision("d", "b", add)
    project.revision("c", "d", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    assert run(["alembic", "check"]) == 0
    assert target(capsys)[0] == "d\n"
    project.upgrade()
    assert project.within("current").startswith("d")
