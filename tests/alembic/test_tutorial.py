"""The tutorial of Alembic: its files and commands, as they stand there, in order."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "alembic.md"
_BLOCK = re.compile(r"^```(sh|sql|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_PROGRAMS = {"alembic": ("-m", "alembic"), "ec": ("-m", "expandcontract")}


@pytest.mark.slow
def test_every_file_and_command_works(empty_database: str, tmp_path: Path) -> None:
    """Whoever types them gets from an empty folder to a contracted rename and back, without a quiet time."""
    environment = {
        **os.environ,
        "DATABASE_URL": empty_database.replace("postgresql", "postgresql+asyncpg", 1),
        "EC_DATABASE_URL": empty_database,
        "EC_QUIET_FOR": "0s",
    }
    for kind, text in _BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
        elif kind == "sql":
            asyncio.run(_as_application(empty_database, text))
        else:
            for line in text.strip().splitlines():
                _typed(line, tmp_path, environment)


def _typed(line: str, folder: Path, environment: dict[str, str]) -> None:
    program, *words = shlex.split(line)
    command = [sys.executable, *_PROGRAMS[program], *words] if program in _PROGRAMS else ["sh", "-c", line]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"


async def _as_application(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
