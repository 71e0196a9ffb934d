"""An operator: types commands of `ec`, and reads what they say, as a person or a deploy pipeline would."""

import asyncio
import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from expandcontract.model.phases import Phase
from expandcontract.testing.supervisor import die_with_parent
from expandcontract.testing.timeline import Span


class CommandFailedError(Exception):
    """A command of `ec` did not end with the exit code that it must end with."""


class Operator:
    """Runs `ec` in `folder` against the database `url`, with `settings` as further environment variables.

    What is typed is shown on `console`, and what `ec` answers goes where this program's output goes; without
    a console all is silent. `spans` tell when each command ran.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        settings: Mapping[str, str] | None = None,
        console: Console | None = None,
    ) -> None:
        self.spans: list[Span] = []
        self._folder = folder
        self._environment = {**os.environ, **(settings or {}), "EC_DATABASE_URL": url}
        self._console = console

    async def type(self, *words: str, code: int = 0) -> None:
        """Run a command, visibly. Raises CommandFailedError when its exit code is not `code`."""
        if self._console is not None:
            self._console.print(f"\n[bold]$ ec {shlex.join(words)}[/bold]", highlight=False, soft_wrap=True)
        begin = time.time()
        await self._run(words, code, silent=self._console is None)
        self.spans.append(Span(words[0], begin, time.time()))

    async def wait(self, goal: str) -> None:
        """Run `ec wait --for GOAL` in silence, as a deploy pipeline does. Raises CommandFailedError."""
        await self._run(("wait", "--for", goal, "--timeout", "1h"), 0, silent=True)

    async def read(self, *words: str) -> str:
        """Return what a command says, in silence. Raises CommandFailedError."""
        return await self._run(words, 0, silent=True)

    async def status(self) -> dict[str, Any]:
        """Return the only change in `ec status --json`."""
        (change,) = json.loads(await self.read("status", "--json"))["changes"]
        return dict(change)

    async def _run(self, words: tuple[str, ...], code: int, *, silent: bool) -> str:
        pipe = asyncio.subprocess.PIPE if silent else None
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "expandcontract", *words,
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        out, talk = await process.communicate()
        if process.returncode != code:
            said = (talk or b"").decode(errors="replace")
            ended = f"`ec {' '.join(words)}` ended with exit code {process.returncode} instead of {code}"
            raise CommandFailedError(f"{ended}. {said}".strip())
        return (out or b"").decode()


def phases(status: Mapping[str, Any]) -> list[Span]:
    """Return when the phases that are done ran, from `ec status --json`."""
    done = [
        (phase, status["phases"][phase]) for phase in Phase if status["phases"][phase]["status"] == "done"
    ]
    return [Span(phase, _moment(at["started_at"]), _moment(at["finished_at"])) for phase, at in done]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
