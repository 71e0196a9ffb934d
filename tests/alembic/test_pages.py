"""The pages for those who use Alembic: what they show is parsed, and run where that is possible."""

import configparser
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from expandcontract.cli.entry import run
from tests.alembic.project import Project

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = sorted(HOW_TO.glob("alembic-*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: A command of ours at the beginning of a line, after && or in $(...), with what follows.
COMMAND = re.compile(r"(?:^|&& |\$\(|run: |bin/)ec ([^#\n)&|]+)", re.MULTILINE)

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path, language: str) -> list[str]:
    """Return what a page shows in that language."""
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def block(name: str, language: str) -> str:
    """Return the first thing that a page shows in that language."""
    return blocks(HOW_TO / f"{name}.md", language)[0]


def parsed(text: str) -> Any:  # noqa: ANN401 - as the file has it
    """Return what a YAML file says."""
    yaml: Any = pytest.importorskip("yaml", reason="needs PyYAML")
    return yaml.safe_load(text)


@by_page
def test_shell_is_shell(page: Path) -> None:
    """Any POSIX shell reads it, also what a workflow runs."""
    scripts = blocks(page, "sh")
    for text in blocks(page, "yaml"):
        jobs = parsed(text).get("jobs", {}).values()
        scripts += [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    for script in scripts:
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


@by_page
def test_yaml_is_yaml(page: Path) -> None:
    """It is a file of several keys, each of which is there once."""
    for text in blocks(page, "yaml"):
        found = parsed(text)
        assert isinstance(found, dict)
        top = re.findall(r"^(\w+):", text, re.MULTILINE)
        assert len(top) == len(set(top)) == len(found)


@by_page
def test_units_are_units(page: Path) -> None:
    """Each section and each key is there once."""
    for text in blocks(page, "ini"):
        parser = configparser.ConfigParser(strict=True, interpolation=None)
        parser.read_string(text)
        assert {"Unit"} < set(parser.sections())


@by_page
def test_commands_of_ours_are_known(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb, and each of its options."""
    text = "\n".join(text for _, text in FENCE.findall(page.read_text(encoding="utf-8")))
    for found in COMMAND.findall(text):
        verbs = re.match(r"(?:alembic )?[a-z]+", found)
        assert verbs is not None
        assert run([*verbs[0].split(), "--help"]) == 0
        said = capsys.readouterr().out
        for option in re.findall(r"--[a-z-]+", found):
            assert option in said or option == "--soak", f"{page.name}: ec {found}"


@pytest.fixture
def project(tmp_path: Path, empty_database: str) -> Project:
    """Give a project that renames a column of a table with a row."""
    made = Project(tmp_path, empty_database, "async")
    made.revision(
        "a",
        None,
        """
        op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
        op.execute("INSERT INTO users VALUES (1, 'n')")
        """,
        'op.execute("DROP TABLE users")',
    )
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    made.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    made.revision("c", "b", 'op.ec_contract("b_rename")', 'op.ec_undo("b_rename")')
    return made


def shell(project: Project, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the project's folder, where `alembic` and `ec` are those of this environment."""
    environment = project.environment()
    environment["PATH"] = f"{Path(project.command()[0]).parent}:{environment['PATH']}"
    return subprocess.run(
        ["sh", "-c", script, "entrypoint.sh", *arguments],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_entrypoint_migrates_and_starts_the_application(project: Project) -> None:
    """And does not where the migration fails."""
    script = block("alembic-entrypoint", "sh")
    ran = shell(project, script, "echo", "started as", "told")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "started as told\n"
    assert project.within("current").startswith("b")
    project.revision("d", "c", "op.drop_table('no_such_table')")
    ran = shell(project, script, "echo", "started")
    assert ran.returncode != 0
    assert "started" not in ran.stdout


@pytest.mark.slow
def test_a_pull_request_goes_up_down_and_up(project: Project) -> None:
    """What the workflow runs, runs."""
    steps = parsed(block("alembic-github-actions", "yaml"))["jobs"]["migrations"]["steps"]
    up_down_up = next(step["run"] for step in steps if step.get("name") == "Up, down, up")
    ran = shell(project, f"set -e\nec alembic check\n{up_down_up}")
    assert ran.returncode == 0, ran.stderr
    assert project.within("current").startswith("b")


@pytest.mark.slow
def test_a_pipeline_upgrades_to_the_target(project: Project) -> None:
    """And says beside it what keeps it from going further."""
    ran = shell(project, "alembic upgrade a && alembic upgrade $(ec alembic target)")
    assert ran.returncode == 0, ran.stderr
    assert "c contracts b_rename" in ran.stderr
    assert project.within("current").startswith("b")
