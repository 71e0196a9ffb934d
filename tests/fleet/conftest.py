"""Fleets of small databases on the worker's server, and `ec` in the process of the test."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from expandcontract.cli.entry import run
from expandcontract.testing.server import Server
from tests.conftest import database_of

TABLE = """CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL);
INSERT INTO users SELECT i, 'user' || i FROM generate_series(1, {rows}) i;"""
CHANGE = "0001_rename_users_email"
#: The words of a change that is ready, before anybody has asked its gates and after.
READY = frozenset({"waiting for gates", "ready to deploy"})


@dataclass
class Desk:
    """A folder with an inventory, in which `ec` is run. `urls` are of the databases, by target."""

    folder: Path
    urls: dict[str, str]
    capture: pytest.CaptureFixture[str]

    def inventory(self, text: str, **labels: str) -> None:
        """Write the inventory: every database as a target, with a label `tier`, and the rest of the text."""
        entries = []
        for name, url in self.urls.items():
            fields = f"name = {json.dumps(name)}\nurl = {json.dumps(url.replace('{', '{{'))}"
            entries.append(
                f"[[targets]]\n{fields}\nlabels = {{ tier = {json.dumps(labels.get(name, 'rest'))} }}\n"
            )
        (self.folder / "fleet.toml").write_text("\n".join(['schema = "ec.fleet/1"', text, *entries]))

    def run(self, *words: str) -> int:
        """Run `ec`, and return how it ended."""
        return run(words)

    def ec(self, *words: str, code: int = 0) -> str:
        """Run `ec`, and return what it says on stdout."""
        self.capture.readouterr()
        ended = run(words)
        said = self.capture.readouterr()
        assert ended == code, f"{words}: {ended}\n{said.out}\n{said.err}"
        self.talk = said.err
        return said.out

    def read(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run `ec ... --json`, and return the answer."""
        answer: dict[str, Any] = json.loads(self.ec(*words, "--json", code=code))
        return answer

    def states(self, change: str = CHANGE) -> dict[str, str]:
        """Return in which state each target is."""
        found = self.read("fleet", "status", change)
        return {each["target"]: each["state"] for each in found["targets"]}


Make = Callable[..., Desk]


@pytest.fixture
def desk(
    server: Server,
    ledger_template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Make]:
    """Give what makes a fleet of databases, each with a table `users`."""
    monkeypatch.chdir(tmp_path)
    for name in ("EC_DATABASE_URL", "EC_DIRECT_URL", "EC_STANDBY"):
        monkeypatch.setenv(name, "")  # so that what a command sets is gone after the test
    (tmp_path / "phases").mkdir()
    with ExitStack() as stack:

        def make(*names: str, rows: int = 10) -> Desk:
            urls = {name: stack.enter_context(database_of(server, ledger_template)) for name in names}
            for url in urls.values():
                execute(url, TABLE.format(rows=rows))
            return Desk(tmp_path, urls, capsys)

        yield make


def execute(url: str, script: str) -> None:
    """Run statements in a database."""

    async def sent() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(sent())


def database_name(url: str) -> str:
    """Return the name of the database of a URL."""
    return urlsplit(url).path[1:]
