"""The operator: types commands of `ec`, and reads what they say, as a person or a deploy pipeline would."""

import asyncio
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from expandcontract.testing.demo.timeline import Span
from expandcontract.testing.supervisor import die_with_parent

#: Phases of the demo's life as the ledger has them.
PHASES = ("expand", "dual_write", "backfill", "verify", "contract")


class DemoFailedError(Exception):
    """A command of `ec` did not end as it must."""


class Operator:
    """Runs `ec` in `folder` against `url`, and shows on `console` what is typed."""

    def __init__(self, console: Console, folder: Path, url: str) -> None:
        self.spans: list[Span] = []
        self._console = console
        self._folder = folder
        # Five minutes of quiet are what production should wait for before contract; the audience should not.
        self._environment = {**os.environ, "EC_DATABASE_URL": url, "EC_QUIET_FOR": "2s"}

    async def type(self, *words: str, code: int = 0) -> None:
        """Run a command and show what it says. Raises DemoFailedError when it ends with another code."""
        self._console.print(f"\n[bold]$ ec {' '.join(words)}[/bold]", highlight=False)
        begin = time.time()
        process = await self._start(*words)
        if (found := await process.wait()) != code:
            raise DemoFailedError(f"`ec {' '.join(words)}` ended with exit code {found} instead of {code}")
        self.spans.append(Span(words[0], begin, time.time()))

    async def wait(self, goal: str) -> None:
        """Run `ec wait --for GOAL` in silence, as a deploy pipeline does."""
        process = await self._start("wait", "--for", goal, "--timeout", "5min", silent=True)
        if code := await process.wait():
            raise DemoFailedError(f"`ec wait --for {goal}` ended with exit code {code}")

    async def status(self) -> dict[str, Any]:
        """Return the only change in `ec status --json`."""
        process = await self._start("status", "--json", silent=True)
        out, _ = await process.communicate()
        (change,) = json.loads(out)["changes"]
        return dict(change)

    async def _start(self, *words: str, silent: bool = False) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "expandcontract", *words,
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if silent else None,
            preexec_fn=die_with_parent,
        )  # fmt: skip


def phases(status: dict[str, Any]) -> list[Span]:
    """Return when the phases of a change ran, from its status."""
    times = [(phase, status["phases"][phase]) for phase in PHASES]
    return [Span(phase, _moment(at["started_at"]), _moment(at["finished_at"])) for phase, at in times]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
