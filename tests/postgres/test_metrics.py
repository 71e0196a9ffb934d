"""`ec metrics` beside a real server."""

import asyncio
import shutil
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from expandcontract.cli.entry import run
from expandcontract.metrics import looking

TABLE = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')"
CHANGE = "0001_rename_users_name"


class Ec:
    """Runs `ec` in this process, and returns what it writes."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self._capsys = url, capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        found = run([*words, "--database-url", self.url])
        out, err = self._capsys.readouterr()
        assert found == code, err
        return out

    def execute(self, statements: str) -> None:
        async def executed() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statements)
            finally:
                await connection.close()

        asyncio.run(executed())


@pytest.fixture
def ec(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ec:
    """Give a database without a ledger, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Ec(empty_database, capsys)


def test_a_change_is_told_of_until_a_day_after_its_end(
    ec: Ec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is a ledger the database is up, and that is all. What is written to a file is what is
    written without one, for everybody to read.
    """
    assert "ec_up{" in ec("metrics")
    assert "change=" not in ec("metrics")
    ec.execute(TABLE)
    ec("init")
    ec("start", "rename-column", "users.name", "full_name")
    begun = ec("metrics")
    assert (
        f'ec_ready{{change="{CHANGE}",database="{ec.url.partition("?")[0].rpartition("/")[2]}"}} 0.0' in begun
    )
    assert 'ec_lock_tries_total{change="0001_rename_users_name"' in begun
    file = tmp_path / "ec.prom"
    ec("metrics", "--textfile", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert {line.split()[0] for line in file.read_text().splitlines()} == {
        line.split()[0] for line in begun.splitlines()
    }
    ec("rollback", CHANGE)
    assert 'state="rolled back"' in ec("metrics")
    monkeypatch.setattr(looking, "LEAVES_AFTER", timedelta(0))
    over = ec("metrics")
    assert "change=" not in over
    assert 'state="rolled back"} 1.0' in over


def test_what_cannot_be_reached_is_told_all_the_same(ec: Ec, tmp_path: Path) -> None:
    """A scrape that failed is an error, and a series that says so."""
    ec.url = "postgresql://nobody@127.0.0.1:1/shop"
    file = tmp_path / "ec.prom"
    ec("metrics", "--textfile", str(file), code=2)
    assert 'ec_up{database="shop"} 0.0' in file.read_text()


@pytest.mark.slow
def test_promtool_accepts_what_is_written(ec: Ec) -> None:
    """The series, the rules, and what the rules are tested with."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    ec.execute(TABLE)
    ec("init")
    ec("run", "rename-column", "users.name", "full_name")
    rules = Path(__file__).parents[2] / "contrib/prometheus"
    for words, given in (
        (("check", "metrics"), ec("metrics")),
        (("check", "rules", "ec.rules.yml"), ""),
        (("test", "rules", "ec.rules.test.yml"), ""),
    ):
        done = subprocess.run(
            [promtool, *words], input=given, cwd=rules, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done
