"""`ec demo`: what a newcomer sees first, and what is left of it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from expandcontract.testing.server import available_versions
from tests.waiting import until

pytestmark = pytest.mark.skipif(18 not in available_versions(), reason="needs PostgreSQL 18")


@pytest.mark.timeout(900)
async def test_the_demo_plays_to_its_end(tmp_path: Path) -> None:
    """Both applications work through the whole life of the change: no error, no row wrong, exit code 0; and
    its records are kept where somebody wants them.
    """
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "expandcontract", "demo", "--rows", "20000", "--records", str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    said = (await demo.communicate())[0].decode()
    assert demo.returncode == 0, said
    for typed in (
        "init",
        "start rename-column users.name display_name",
        "backfill",
        "contract",
        "purge --now",
    ):
        assert f"$ ec {typed}" in said
    for phase in (
        "before",
        "expand",
        "dual_write",
        "backfill",
        "verify",
        "both versions",
        "contract",
        "hidden",
    ):
        assert phase in said
    assert "Everything is as it must be." in said
    assert re.search("shut +old-writers", (tmp_path / "gates.txt").read_text())
    assert "| state | purged" in (tmp_path / "report.md").read_text()


@pytest.mark.timeout(900)
@pytest.mark.in_turn(3)
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
async def test_nothing_is_left_of_the_demo(how: str, tmp_path: Path) -> None:
    """Killed while an application and a command of `ec` are at work: processes and files are gone."""
    folder = Path(tempfile.mkdtemp(prefix="ec-", dir="/tmp"))
    folder.chmod(0o755)
    demo = subprocess.Popen(  # noqa: ASYNC220 - it is only waited for at the end
        [sys.executable, "-m", "expandcontract", "demo", "--rows", "20000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(folder), "MARK": str(tmp_path)},
    )
    try:
        await until(lambda: demo.poll() is not None or any("old_app" in line for line in _marked(tmp_path)))
        assert demo.poll() is None, "the demo ended before it was killed"
    finally:
        demo.send_signal(signal.Signals[how])
        demo.wait()
    await until(lambda: not list(_marked(tmp_path)))
    await until(lambda: not list(folder.iterdir()))
    folder.rmdir()


def _marked(mark: Path) -> Iterator[str]:
    """Return the command lines of all processes that inherited our mark, however they were started."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}\0".encode() in (process / "environ").read_bytes():
                yield (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
