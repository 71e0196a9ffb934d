"""A pyproject.toml that somebody else may have written makes `ec` run, open and ask nothing."""

import os
from pathlib import Path

import pytest

from expandcontract.settings import project_file
from expandcontract.settings.project_file import ProjectFile
from expandcontract.settings.settings import left_out, load, origins

FILE = """
[tool.expandcontract]
database-url = "postgresql://elsewhere/db"
quiet-for = "2h"
[tool.expandcontract.hooks]
before-start = "curl evil"
[tool.expandcontract.throttle]
query = "SELECT evil()"
http = "http://evil/"
max-lag = "7s"
"""


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file above the working directory, trusted as it stands."""
    path = tmp_path / "pyproject.toml"
    path.write_text(FILE)
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return path


def _acts() -> bool:
    settings = load({})
    assert str(settings.quiet_for) == "2:00:00"
    assert settings.throttle.max_lag.total_seconds() == 7
    acting = (
        settings.database_url,
        settings.hooks.before_start,
        settings.throttle.query,
        settings.throttle.http,
    )
    assert len({value is None for value in acting}) == 1
    return settings.database_url is not None


@pytest.mark.usefixtures("below")
def test_ones_own_file_is_trusted() -> None:
    """A file of this user, which nobody else may write, holds wherever `ec` runs below it."""
    assert _acts()
    assert left_out() == ()


@pytest.mark.parametrize("who", ["others", "folder", "group"])
def test_of_a_file_that_others_may_write_only_limits_are_used(
    below: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Not its hooks, URLs and queries: whoever may write it would have them run by whoever works below."""
    match who:
        case "others":
            below.chmod(0o646)
        case "folder":
            below.parent.chmod(0o777)
        case "group":
            below.chmod(0o664)
            monkeypatch.setattr(project_file, "_own_group", lambda _gid: False)
        case _:
            raise AssertionError(who)
    assert not _acts()
    told = left_out()
    assert [each.split(" ")[0] for each in told] == [
        "database_url",
        "hooks",
        "throttle.query",
        "throttle.http",
    ]
    assert all(str(below) in each for each in told)


def test_a_folder_like_tmp_is_no_reason_for_doubt(below: Path) -> None:
    """Where the sticky bit is set, others may add files and replace none."""
    below.parent.chmod(0o1777)
    assert _acts()


def test_who_works_in_a_folder_means_its_file(below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the working directory itself a file is taken as it stands."""
    below.chmod(0o666)
    monkeypatch.chdir(below.parent)
    assert _acts()


@pytest.mark.usefixtures("below")
def test_it_is_told_where_each_setting_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, the environment, the file: and no value, which may be a password."""
    monkeypatch.setenv("EC_SOAK", "1h")
    found = dict(origins({"quiet_for": "3h"}))
    assert found["quiet_for"] == "--quiet-for"
    assert found["soak"] == "EC_SOAK"
    assert found["database_url"].endswith("pyproject.toml")
    assert found["throttle.query"].endswith("pyproject.toml")
    assert "lock_timeout" not in found
    assert "evil" not in str(found)


def test_a_file_of_another_user_is_doubted(below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns a file may write it, whatever its mode says."""
    stat = below.stat()
    other = os.stat_result((*stat[:4], stat.st_uid + 4711, *stat[5:]))
    monkeypatch.setattr(Path, "stat", lambda _self, **_more: other)
    assert "belongs to another user" in project_file._doubt(below)


def test_without_a_file_nothing_is_left_out(tmp_path: Path) -> None:
    """There is nothing to doubt."""
    assert ProjectFile(None, {}).left_out == ()
    assert ProjectFile.find(tmp_path).left_out == ()
