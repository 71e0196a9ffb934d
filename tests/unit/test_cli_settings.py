from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from expandcontract.cli.options import SETTING_NAMES, THROTTLES
from expandcontract.model.errors import BadSetting
from expandcontract.model.hooks import VARIABLES, Hooks, inherited
from expandcontract.model.policy import Policy
from expandcontract.settings import databases
from expandcontract.settings.settings import TABLES, Settings, load
from expandcontract.throttles.limits import Limits

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
    assert {*SETTING_NAMES, *TABLES} == set(Settings.model_fields)


def test_throttles_have_a_table_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, lists, sizes and windows are read; variables go before them, key by key."""
    project(
        '[tool.expandcontract.throttle]\nmax-lag = "5s"\nmax_wal_rate = "20MB"\nstandbys = ["a", "b"]\n'
        'schedule = "Mon-Fri 22:00-06:00 Europe/Berlin"\noff = "horizon"'
    )
    monkeypatch.setenv("EC_THROTTLE_MAX_LAG", "7s")
    monkeypatch.setenv("EC_THROTTLE_MAX_ACTIVE_SESSIONS", "40")
    limits = load({}).throttle.limits
    assert (limits.max_lag, limits.max_wal_rate) == (timedelta(seconds=7), 20 * 1024**2)
    assert limits.standbys == ("a", "b")
    assert limits.off == {"horizon"}
    assert limits.max_active_sessions == 40
    assert [window.zone.key for window in limits.schedule] == ["Europe/Berlin"]


def test_throttles_without_settings() -> None:
    """Who sets nothing gets the defaults of the throttles."""
    assert load({}).throttle.limits == Limits()


@pytest.mark.parametrize(
    ("line", "named", "why"),
    [
        ('max_lags = "1s"', "throttle.max_lags", "Did you mean throttle.max_lag?"),
        ('max_lag_bytes = "64"', "throttle.max_lag_bytes", "64MB"),
        ('off = "replica"', "throttle.off", "replica-lag"),
        ('schedule = "at night"', "throttle.schedule", "Mon-Fri 22:00-06:00"),
        ('http = "file:///etc/passwd"', "throttle.http", "https://"),
    ],
)
def test_a_wrong_setting_of_a_throttle_is_named(line: str, named: str, why: str) -> None:
    """Key, table and file; a misspelt key gets the nearest."""
    project(f"[tool.expandcontract.throttle]\n{line}")
    with pytest.raises(BadSetting) as caught:
        load({})
    assert named in caught.value.message
    assert why in caught.value.why


def test_an_option_goes_before_a_throttle_of_the_file() -> None:
    """The command line changes what it names, and an error is called by its option."""
    project('[tool.expandcontract.throttle]\nmax_lag = "5s"\nnice_ratio = 2')
    throttle = load({}).throttle.changed({"max_lag": "1s", "schedule": None}, THROTTLES)
    assert (throttle.max_lag, throttle.nice_ratio) == (timedelta(seconds=1), 2)
    with pytest.raises(BadSetting, match="--nice-ratio"):
        load({}).throttle.changed({"nice_ratio": "often"}, THROTTLES)


def test_a_misspelt_variable_of_a_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is nearly a throttle's is an error as well."""
    monkeypatch.setenv("EC_THROTTLE_MAX_LAGS", "1s")
    with pytest.raises(BadSetting) as caught:
        load({})
    assert "EC_THROTTLE_MAX_LAG" in caught.value.message


def test_hooks_have_a_table_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """File and variables, by the hook's name; what may be secret is not shown."""
    project("[tool.expandcontract.hooks]\nbefore-contract = 'ask s3cret-word'\ntimeout = \"5s\"")
    monkeypatch.setenv("EC_HOOKS_AFTER_CONTRACT", "https://ada:s3cret-word@chat.example/hook")
    found = load({}).hooks
    assert found.hooks.calls == {
        "before_contract": "ask s3cret-word",
        "after_contract": "https://ada:s3cret-word@chat.example/hook",
    }
    assert found.hooks.timeout == timedelta(seconds=5)
    assert "s3cret-word" not in repr(found)


@pytest.mark.parametrize(
    ("line", "named", "why"),
    [
        ("before_contact = 'x'", "hooks.before_contact", "Did you mean hooks.before_contract?"),
        ("timeout = '0'", "hooks.timeout", "longer than nothing"),
        ("timeout = 'soon'", "hooks.timeout", "soon"),
    ],
)
def test_a_wrong_setting_of_a_hook_is_named(line: str, named: str, why: str) -> None:
    """Key, table and file; a misspelt key gets the nearest."""
    project(f"[tool.expandcontract.hooks]\n{line}")
    with pytest.raises(BadSetting) as caught:
        load({})
    assert named in caught.value.message
    assert why in caught.value.why


def test_what_a_hook_is_told_is_no_misspelt_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook may run `ec` in the environment that it got: EC_PHASE is nearly EC_PHASES."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "x")
    assert load({}).hooks.hooks.calls == {}


def test_a_url_or_its_file_whichever_is_named_nearer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command line goes before the environment, that before pyproject.toml, whatever names the URL."""
    project(f'database_url = "{URL}"\npassword_file = "secret"')
    monkeypatch.setenv("EC_DATABASE_URL_FILE", "/run/url")
    found = load({})
    assert (found.database_url, found.database_url_file) == (None, Path("/run/url"))
    assert found.password_file == tmp_path / "secret"
    assert load({"database_url": URL}).database_url_file is None


def test_a_url_and_a_file_with_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can know which is meant."""
    monkeypatch.setenv("EC_DATABASE_URL", URL)
    monkeypatch.setenv("EC_DATABASE_URL_FILE", "/run/url")
    with pytest.raises(BadSetting, match="Both database_url and database_url_file") as caught:
        load({})
    assert caught.value.why == "One is EC_DATABASE_URL, the other EC_DATABASE_URL_FILE."


def test_what_leads_to_the_database_is_not_for_hooks() -> None:
    """A command gets the environment without it, unless it is told so, and never the URLs of others."""
    secret = {"EC_DATABASE_URL": "x", "EC_PASSWORD_FILE": "x", "PGPASSWORD": "x"}
    given = {"PATH": "/bin", "EC_HOOKS_CANARY": "x", "EC_THROTTLE_HTTP": "x", **secret}
    assert inherited(given, Hooks(database=secret)) == {"PATH": "/bin"}


def test_a_hook_that_is_told_so_gets_the_database_of_the_change(tmp_path: Path) -> None:
    """That which this run is about, wherever it was named, and not what the environment says of another."""
    (tmp_path / "password").write_text("x")
    found = load({"database_url": URL, "password_file": "password"})
    told = replace(databases.hooks(found), with_database=True)
    given = {"EC_DATABASE_URL": "other", "EC_DATABASE_URL_FILE": "other", "PGPASSWORD": "x"}
    assert inherited(given, told) == {
        "EC_DATABASE_URL": URL, "EC_PASSWORD_FILE": str(tmp_path / "password"), "PGPASSWORD": "x"
    }  # fmt: skip
