"""The commands of the tutorials, as they stand there, in order."""

import asyncio
import re
import shlex
from pathlib import Path

import asyncpg
import pytest

from expandcontract.cli.entry import run

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = sorted(set(TUTORIALS.glob("*.md")) - {TUTORIALS / "alembic.md"})  # tests/alembic/test_tutorial.py
_BLOCK = re.compile(r"^```(sh|sql)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_tutorial_works(
    empty_database: str,
    page: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Whoever types them gets through, without a quiet time to wait for."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE_URL": empty_database, "QUIET_FOR": "0s"}.items():
        monkeypatch.setenv(f"EC_{name}", value)
    for kind, text in _BLOCK.findall(page.read_text()):
        if kind == "sql":
            _as_application(empty_database, text)
            continue
        for line in text.strip().splitlines():
            assert run(shlex.split(line)[1:]) == 0, line


def _as_application(url: str, script: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(execute())
