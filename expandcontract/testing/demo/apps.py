"""The applications as processes: started, listened to, and stopped by closing their standard input."""

import asyncio
import os
import sys
from array import array
from typing import Self

from expandcontract.testing.demo import traffic
from expandcontract.testing.demo.report import Row, Statement, parse

#: What changes rows.
WRITES = frozenset({"update", "insert", "delete"})


class App:
    """One version of the application, and what it has reported so far.

    `started` and `seconds` have one entry for each statement; `rows` are what it wrote last, known when it
    has stopped.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.started = array("d")
        self.seconds = array("d")
        self.writes = 0
        self.errors: list[Statement] = []
        self.rows: list[Row] = []
        self._process = process
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, name: str, url: str) -> Self:
        """Start the program `<name>.py` of this folder and return when it has run its first statement."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"{__package__}.{name}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, traffic.URL: url},
            process_group=0,  # an interrupt at the terminal is for the demo, which then closes the pipe
        )  # fmt: skip
        app = cls(name, process)
        while not app.started and not app._listening.done():
            await asyncio.sleep(0.01)
        return app

    async def stop(self) -> None:
        """Let it finish what it is doing and hand over what it wrote. Does nothing when done already."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        if self._process.stdin.is_closing():
            return
        self._process.stdin.close()
        await self._listening
        if code := await self._process.wait():
            self.errors.append(Statement("exit", 0.0, 0.0, f"{self.name} ended with exit code {code}"))

    async def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        async for line in self._process.stdout:
            match parse(line):
                case Statement() as statement:
                    self._add(statement)
                case Row() as row:
                    self.rows.append(row)

    def _add(self, statement: Statement) -> None:
        self.started.append(statement.started)
        self.seconds.append(statement.seconds)
        self.writes += statement.kind in WRITES and not statement.error
        if statement.error:
            self.errors.append(statement)
