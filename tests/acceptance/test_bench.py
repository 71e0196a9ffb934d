"""`make bench` at its smallest: what it writes for the docs is complete."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import VERSION

ROOT = Path(__file__).parents[2]
SHAPES = ("middling", "uuid", "narrow", "wide", "none")
SMALL = ("--rows", "4000", "--repeat", "1")
TABLES = ("middling", "none")
LOAD = ("--tables", *TABLES, "--load-rows", "200000", "--pairs", "2", "--slice", "1", "--alone", "1")
THROUGHPUT = ("--scale", "1", "--rounds", "1", "--slice", "1")

pytestmark = [pytest.mark.slow, pytest.mark.in_turn(2), pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("script", "section", "options", "begin"),
    [
        ("backfill", "methods", SMALL, SHAPES),
        ("backfill", "batches", SMALL, ("adaptive", "100", "20,000")),
        ("backfill", "sizes", (*SMALL, "--sizes", "2000", "8000"), ("2,000", "8,000")),
        ("backfill", "reading", SMALL, SHAPES),
        ("backfill", "load", LOAD, TABLES),
        ("trigger", "trigger", ("--rows", "4000"), ("UPDATE of another column", "COPY of the old column")),
        ("trigger", "throughput", THROUGHPUT, ("with the trigger", "without the trigger", "its notes")),
        ("contract", "contract", ("--rows", "4000", "--repeat", "1"), ("alone", "contract", "undo")),
        (
            "contract",
            "instant",
            ("--rows", "4000", "--repeat", "1"),
            ("rename-table", "rename-column --instant"),
        ),
        ("guides", "guides", ("--rows", "4000"), ("another name", "int to bigint", "NOT NULL", "an index")),
        ("pgbench", "pgbench", ("--scale", "1", "--alone", "1"), ("alone", "backfill", "verify")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_section_writes_its_block(
    tmp_path: Path, script: str, section: str, options: tuple[str, ...], begin: tuple[str, ...]
) -> None:
    """Every cell of its tables is there, between its marks, and the prose around them stays as it was."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n<!-- {section} -->\nan older result\n<!-- /{section} -->\n\nbehind\n")
    said = await _run(script, "--only", section, "--page", str(page), *options)
    before, block, behind = re.split(rf"<!-- /?{section} -->", page.read_text())
    assert (before, behind) == ("before\n\n", "\n\nbehind\n")
    rows = _rows(block)
    assert all(cell for row in rows for cell in row), block
    assert set(begin) <= {row[0] for row in rows}, block
    assert "an older result" not in block
    assert "It took" in block
    assert "All of it took" in said


def _rows(block: str) -> list[list[str]]:
    """Return the rows of all tables without their heads, which may leave a corner empty."""
    tables = (table.splitlines() for table in block.split("\n\n") if table.strip().startswith("|"))
    lines = [line for table in tables for line in table if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = {number for number, row in enumerate(cells[1:]) if set(row) == {"---"}}
    return [row for number, row in enumerate(cells) if number not in heads and set(row) != {"---"}]


async def _run(script: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "bench" / f"{script}.py"), "--version", str(VERSION), *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said
