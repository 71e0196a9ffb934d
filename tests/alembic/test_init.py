"""`ec init` in a repository with Alembic: env.py gets what revisions with op.ec_* need."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from expandcontract.alembic import script_folder
from expandcontract.cli.entry import run
from tests.alembic.project import DRIVERS

REVISION = """
from alembic import op
revision, down_revision = "a", None
def upgrade():
    op.ec_run("create-table", "CREATE TABLE users (id int PRIMARY KEY)", name="a_users")
def downgrade():
    op.ec_rollback("a_users")
"""


#: In a process of its own: env.py sets up logging for all of it.
UP_AND_DOWN = "from alembic.config import main; main(['upgrade', 'head']); main(['downgrade', 'base'])"


def made(folder: Path, template: str, url: str = "postgresql://nobody@nowhere/") -> None:
    """Make a project from a template of Alembic's, with its URL in alembic.ini."""
    toml: dict[str, Any] = (
        {"toml_file": str(folder / "pyproject.toml")} if template.startswith("pyproject") else {}
    )
    config = Config(str(folder / "alembic.ini"), stdout=io.StringIO(), **toml)
    command.init(config, str(folder / "migrations"), template)
    ini = (folder / "alembic.ini").read_text(encoding="utf-8")
    assert template.startswith("pyproject") or "driver://" in ini
    ini = ini.replace("sqlalchemy.url = driver://user:pass@localhost/dbname", f"sqlalchemy.url = {url}")
    (folder / "alembic.ini").write_text(ini, encoding="utf-8")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, where no database is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EC_DATABASE_URL", raising=False)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize(("template", "form"), [("generic", "sync"), ("async", "async")])
def test_what_was_written_runs(
    tmp_path: Path, empty_database: str, template: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh project of Alembic's carries out our operations with nothing done but `ec init --write`."""
    made(tmp_path, template, empty_database.replace("postgresql", DRIVERS[form], 1).replace("%", "%%"))
    (tmp_path / "migrations" / "versions" / "a.py").write_text(REVISION, encoding="utf-8")
    assert run(["init", "--write"]) == 0
    assert "migrations/env.py is written." in capsys.readouterr().out
    assert run(["init", "--write"]) == 0
    assert "migrations/env.py has what revisions" in capsys.readouterr().out
    ran = subprocess.run([sys.executable, "-c", UP_AND_DOWN], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Running downgrade a -> " in ran.stderr


def test_nothing_is_written_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The difference is printed, with the command that applies it; no database is needed."""
    made(tmp_path, "async")
    before = (tmp_path / "migrations" / "env.py").read_text(encoding="utf-8")
    assert run(["init"]) == 0
    said = capsys.readouterr().out
    assert "+        **ec.options(connection)," in said
    assert "next: ec init --write" in said
    assert "the first revision that begins a change makes the ledger" in said
    assert (tmp_path / "migrations" / "env.py").read_text(encoding="utf-8") == before
    assert run(["init", "--json"]) == 0
    env_file = json.loads(capsys.readouterr().out)["env_file"]
    assert (env_file["file"], env_file["state"]) == ("migrations/env.py", "to write")


@pytest.mark.skipif(not script_folder.knows_toml(), reason="needs Alembic 1.16")
def test_a_project_of_pyproject_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where alembic.ini has no more than the URL, or is not there at all."""
    made(tmp_path, "pyproject_async")
    assert run(["init"]) == 0
    assert "next: ec init --write" in capsys.readouterr().out
    (tmp_path / "alembic.ini").unlink()
    assert run(["init"]) == 0
    assert "next: ec init --write" in capsys.readouterr().out


def test_a_form_that_is_not_known_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what to put where."""
    made(tmp_path, "multidb")
    before = (tmp_path / "migrations" / "env.py").read_text(encoding="utf-8")
    assert run(["init", "--write"]) == 0
    said = capsys.readouterr().out
    assert "several databases" in said
    assert "**ec.options(connection)" in said
    assert (tmp_path / "migrations" / "env.py").read_text(encoding="utf-8") == before


def test_an_alembic_that_leads_nowhere_keeps_nothing_back(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger is made as without it; asked for by name, it is an error."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n", encoding="utf-8")
    assert run(["--database-url", database, "init"]) == 0
    said = capsys.readouterr()
    assert "The ledger stands in schema expandcontract" in said.out
    assert "Alembic's env.py was not looked at" in said.err
    assert run(["init", "--write"]) == 2


def test_without_alembic_there_is_nothing_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    """And without a database nothing to make, as before."""
    assert run(["init", "--write"]) == 2
    assert "There is no Alembic here" in capsys.readouterr().err
    assert run(["init"]) == 2
    assert "No database was named" in capsys.readouterr().err
