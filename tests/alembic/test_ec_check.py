"""`ec alembic check`: the folder of revisions, read without a database and without env.py."""

import json
from pathlib import Path

import pytest

from expandcontract.alembic import script_folder
from expandcontract.cli.entry import run
from tests.alembic.project import Project
from tests.unit.test_alembic_chain import SOUND


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project with a sound chain, whose env.py must not run."""
    made = Project(tmp_path, "postgresql://nobody@nowhere/")
    (tmp_path / "env.py").write_text("raise AssertionError('env.py was run')\n", encoding="utf-8")
    for id_, (below, up, down) in SOUND.items():
        made.revision(id_, below or None, up, down)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_sound_folder_is_well(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The alembic.ini of the working directory is found; env.py is not run."""
    assert project.folder == Path.cwd()
    assert run(["alembic", "check"]) == 0
    assert capsys.readouterr().out == "3 revisions: nothing is wrong.\n"


def test_a_finding_says_where_what_why_and_what_to_do(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words and in JSON; the exit code is 1."""
    project.revision("d", "c", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    assert run(["alembic", "check", "-c", "alembic.ini"]) == 1
    assert capsys.readouterr().out == (
        "versions/d.py:9: ec_contract b_rename: c does that already\n"
        "  why: The ledger knows a change by its name: the second one would be taken for the first.\n"
        "  do: leave it out\n"
        "4 revisions: 1 found.\n"
    )
    assert run(["alembic", "check", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "ec.alembic-check/1"
    assert [(each["file"], each["line"], each["revision"]) for each in said["findings"]] == [
        ("versions/d.py", 9, "d")
    ]


def test_models_are_looked_at_where_they_are_named(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the contract hides must not be in them."""
    (project.folder / "checked_models.py").write_text(
        "from sqlalchemy import Column, MetaData, String, Table\n"
        "metadata = MetaData()\nTable('users', metadata, Column('name', String))\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(project.folder))
    assert run(["alembic", "check", "--models", "checked_models:metadata"]) == 1
    assert "hides users.name, which the models still have" in capsys.readouterr().out


def test_a_configuration_in_pyproject_is_found(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """As newer versions of Alembic have it, without an alembic.ini."""
    (project.folder / "alembic.ini").unlink()
    assert run(["alembic", "check"]) == 2
    assert "There is no alembic.ini here" in capsys.readouterr().err
    (project.folder / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s"\n', encoding="utf-8"
    )
    if script_folder.knows_toml():
        assert run(["alembic", "check"]) == 0
        return
    assert run(["alembic", "check"]) == 2
    assert "which Alembic reads from 1.16 on" in capsys.readouterr().err


def test_a_pyproject_of_others_is_nothing_of_alembics(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table whose name begins like Alembic's, say."""
    (project.folder / "alembic.ini").unlink()
    path = project.folder / "pyproject.toml"
    path.write_text("[tool.alembic-utils]\n", encoding="utf-8")
    assert run(["alembic", "check"]) == 2
    assert "There is no alembic.ini here" in capsys.readouterr().err
    path.write_text("[tool.alembic", encoding="utf-8")
    assert run(["alembic", "check"]) == 2
    assert "is not TOML" in capsys.readouterr().err


def test_a_file_that_is_written_otherwise_is_read(project: Project) -> None:
    """As Python reads it: by the encoding that its first line names, and with a mark of order."""
    path = project.folder / "versions" / "b.py"
    text = path.read_text(encoding="utf-8")
    path.write_bytes(f"# coding: latin-1\n# größer\n{text}".encode("latin-1"))
    assert run(["alembic", "check"]) == 0
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert run(["alembic", "check"]) == 0


def test_a_revision_that_cannot_be_loaded_is_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its line, and as bad input, since nothing is known of the chain then."""
    (project.folder / "versions" / "e.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    assert run(["alembic", "check"]) == 2
    assert "e.py:1 ModuleNotFoundError" in capsys.readouterr().err
