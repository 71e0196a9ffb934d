"""A secret that is planted wherever one can be, and looked for in all that comes out."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from expandcontract.cli.entry import run
from expandcontract.settings.settings import Settings

pytestmark = pytest.mark.in_turn(3)

SECRET = "open-sesame-4711"
GIVEN = "CREATE TABLE users (id int PRIMARY KEY, name text)"
NAME = "0001_rename_users_name"
#: A port that nobody listens on.
NOWHERE = "127.0.0.1:9"


class Said:
    """Runs `ec` in this process and keeps all that it says."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.text = ""
        self._capfd = capfd

    def __call__(self, line: str, *codes: int) -> str:
        """Run a line; the exit code must be one of `codes`. Returns what was said."""
        code = run(line.split())
        out, err = self._capfd.readouterr()
        assert code in (codes or (0,)), f"ec {line} -> {code}\n{out}\n{err}"
        self.text += out + err
        return out + err


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Said:
    """Give an `ec` around which everything holds the secret but the database's name."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EC_{name.upper()}", raising=False)
    for name, text in (
        ("EC_PASSWORD_FILE", SECRET),
        ("PGPASSFILE", f"*:*:*:*:{SECRET}"),
        ("PGSERVICEFILE", f"[mine]\npassword={SECRET}\n"),
    ):
        planted = tmp_path / name
        planted.write_text(text)
        planted.chmod(0o600)
        monkeypatch.setenv(name, str(planted))
    monkeypatch.setenv("PGSERVICE", "mine")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("EC_THROTTLE_HTTP", f"http://me:{SECRET}@{NOWHERE}/slow")
    monkeypatch.setenv("EC_THROTTLE_OPTIONAL", "http")
    monkeypatch.setenv("EC_HOOKS_AFTER_START", f"http://me:{SECRET}@{NOWHERE}/told")
    monkeypatch.setenv("EC_HOOKS_AFTER_READY", "env; cat; exit 3")
    monkeypatch.setenv("EC_HOOKS_BEFORE_CONTRACT", f"env > {tmp_path}/hook; cat >> {tmp_path}/hook")
    monkeypatch.setenv("EC_QUIET_FOR", "0")
    monkeypatch.setenv("EC_SOAK", "1us")
    return Said(capfd)


def _with_secret(database: str) -> str:
    return database.replace("//postgres@", f"//postgres:{SECRET}@", 1)


async def _sql(database: str, query: str) -> list[str]:
    connection = await asyncpg.connect(database)
    try:
        return [str(row[0]) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def _asked(database: str, query: str) -> list[str]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_sql(database, query))


#: Every row of every table of the ledger.
_TABLES = """
SELECT format('SELECT t::text FROM %I.%I t', nspname, relname) FROM pg_class c
JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname LIKE 'expandcontract%' AND relkind = 'r'
"""


def test_a_secret_comes_out_nowhere(
    said: Said, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is carried through, with hooks and throttles that fail, in three forms of logs; and what
    cannot be connected to fails in every way. Neither streams, files, hooks nor the ledger have it.
    """
    _asked(database, GIVEN)
    _asked(database, "INSERT INTO users VALUES (1, 'Ada')")
    url = _with_secret(database)
    monkeypatch.setenv("EC_DATABASE_URL", url)
    monkeypatch.setenv("EC_DIRECT_URL", url)
    for form, lines in _LIFE.items():
        monkeypatch.setenv("EC_LOG_FORMAT", form)
        for line in lines:
            said(f"{line} -v", 0, 1)
        _refused(said, monkeypatch, database, tmp_path)
    assert SECRET not in said.text
    assert f"{NAME} " in said.text
    assert [
        row for table in _asked(database, _TABLES) for row in _asked(database, table) if SECRET in row
    ] == []
    assert [
        path for path in (tmp_path / "work").rglob("*") if path.is_file() and SECRET in path.read_text()
    ] == []
    hook = (tmp_path / "hook").read_text()
    assert SECRET not in hook
    assert "EC_CHANGE=" in hook


#: A life by the form of logs in which each part of it is told.
_LIFE = {
    "text": ("plan rename-column users.name full_name", f"start {NAME}", "status", "doctor"),
    "json": (f"backfill {NAME}", "status --json", "gates", "doctor --json", f"contract {NAME}"),
    "logfmt": (f"log {NAME}", f"log {NAME} --json", f"report {NAME} --output report.html", f"undo {NAME}"),
}


def _refused(said: Said, monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> None:
    """Fail to connect, in every way, from the environment, a file and the command line."""
    with monkeypatch.context() as patched:
        patched.delenv("EC_DIRECT_URL")
        for url in (
            f"postgresql://u:{SECRET}@{NOWHERE}/shop",
            f"postgresql://u:{SECRET}@{NOWHERE}/shop?sslmode={SECRET}",
            f"postgresql://u:{SECRET}@127.0.0.1:port/shop",
            f"host=127.0.0.1 port=9 password={SECRET} odd={SECRET}",
            f"host=127.0.0.1 port=9 password = '{SECRET}' {SECRET}",
            f"mysql://u:{SECRET}@h/shop",
            SECRET,
            _with_secret(database).replace("/test_", "/nowhere_"),
        ):
            patched.setenv("EC_DATABASE_URL", url)
            said("status -v", 2)
            said("status --json", 2)
        patched.delenv("EC_DATABASE_URL")
        held = tmp_path / "url"
        held.write_text(f"postgresql://u:{SECRET}@{NOWHERE}/shop")
        held.chmod(0o604)
        patched.setenv("EC_DATABASE_URL_FILE", str(held))
        said("doctor -v", 2)
        held.chmod(0o600)
        said("status --json -v", 2)
        told = said(f"status --database-url postgresql://u:{SECRET}@{NOWHERE}/shop", 2)
        assert "--database-url has a password" in told
