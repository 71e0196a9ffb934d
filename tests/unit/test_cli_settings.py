from datetime import timedelta
from pathlib import Path

import pytest

from expandcontract.cli.options import SETTING_NAMES
from expandcontract.cli.settings import Settings, load
from expandcontract.model.errors import BadSetting
from expandcontract.model.policy import Policy

URL = "postgresql://ada:s3cret-word@db.example/shop"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, without variables of ours."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EC_{name.upper()}", raising=False)


def project(text: str) -> None:
    """Write [tool.expandcontract]."""
    Path("pyproject.toml").write_text(f"[tool.expandcontract]\n{text}\n")


def test_defaults_are_those_of_the_policy() -> None:
    """Who sets nothing gets the promises of the documentation."""
    assert load({}).policy == Policy()


def test_the_command_line_goes_before_the_environment_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Command line, then EC_*, then pyproject.toml."""
    project('soak = "1h"\nquiet_for = "1h"\nlock_timeout = "1s"')
    monkeypatch.setenv("EC_SOAK", "2h")
    monkeypatch.setenv("EC_QUIET_FOR", "2h")
    found = load({"soak": "3h"})
    assert (found.soak, found.quiet_for, found.lock_timeout) == (
        timedelta(hours=3),
        timedelta(hours=2),
        timedelta(seconds=1),
    )


def test_keys_of_the_file_may_have_dashes() -> None:
    """TOML is written both ways."""
    project('lock-budget = "1min"')
    assert load({}).lock_budget == timedelta(minutes=1)


def test_plans_lie_beside_the_file_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`ec` means the same phases/ in every folder of the project."""
    project("")
    Path("deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert load({}).phases == tmp_path / "phases"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`EC_SOAK= ec status` is `ec status`."""
    monkeypatch.setenv("EC_SOAK", "")
    assert load({}).soak == timedelta(0)


def test_an_error_names_the_option() -> None:
    """A wrong value of the command line is called by its option."""
    with pytest.raises(BadSetting, match="--lock-timeout") as caught:
        load({"lock_timeout": "100"})
    assert "250ms" in caught.value.why


def test_an_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value of the environment is called by its variable."""
    monkeypatch.setenv("EC_UNDO_WINDOW", "tomorrow")
    with pytest.raises(BadSetting, match="EC_UNDO_WINDOW"):
        load({})


def test_an_error_names_the_file() -> None:
    """A wrong value of pyproject.toml is called by key and file."""
    project("approval = 7")
    with pytest.raises(BadSetting, match=r"approval of \[tool.expandcontract\] in .*pyproject.toml"):
        load({})


def test_an_unknown_key_gets_the_nearest() -> None:
    """A misspelt key is an error, not a setting without effect."""
    project('lock_timout = "1s"')
    with pytest.raises(BadSetting, match="lock_timout") as caught:
        load({})
    assert caught.value.why == "Did you mean lock_timeout?"


def test_a_misspelt_variable_gets_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is nearly ours is an error; what is far from ours belongs to somebody else."""
    monkeypatch.setenv("EC_ELSEWHERE", "1")
    load({})
    monkeypatch.setenv("EC_LOCK_TIMOUT", "1s")
    with pytest.raises(BadSetting, match="EC_LOCK_TIMOUT"):
        load({})


def test_a_file_that_is_not_toml() -> None:
    """The file and the place are named."""
    project("soak = ")
    with pytest.raises(BadSetting, match=r"pyproject.toml is not TOML") as caught:
        load({})
    assert "line 2" in caught.value.why


@pytest.mark.parametrize("text", ["expandcontract = 3", "[[expandcontract]]"])
def test_a_table_that_is_none(text: str) -> None:
    """[tool.expandcontract] must be a table."""
    Path("pyproject.toml").write_text(
        f"[tool]\n{text}\n".replace("[[expandcontract]]", "expandcontract = []")
    )
    with pytest.raises(BadSetting, match="not a table"):
        load({})


def test_passwords_are_not_in_the_repr() -> None:
    """Settings may be logged."""
    assert "s3cret-word" not in repr(load({"database_url": URL, "direct_url": URL}))


def test_every_setting_has_an_option() -> None:
    """Command line, variables and file know the same settings."""
    assert set(SETTING_NAMES) == set(Settings.model_fields)
