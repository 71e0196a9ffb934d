"""The parent's handle of the process in which a function runs."""

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any

from expandcontract.model.errors import BadTransform
from expandcontract.transforms.outcome import Computed, Failed
from expandcontract.transforms.wire import LENGTH, packed

#: A module that takes longer to import has something wrong with it.
LONGEST_IMPORT_SECONDS = 60.0


class Died(Exception):
    """The process ended, by itself or by somebody else, while it computed."""


class Transformer:
    """One process. Started when it is first used, and again after it died. To be closed by who made it.

    A new interpreter, not a fork: nothing of this process, no connection and no thread, is in it. It imports
    from the folder in which `ec` was started and from what is installed beside `ec`.
    """

    def __init__(self, function: str, columns: Sequence[str] = ()) -> None:
        """The function makes values of these columns of each row; without any it makes one of one."""
        self._function = function
        self._columns = tuple(columns)
        self._process: Process | None = None
        #: The size of what was sent last, in bytes.
        self.sent_bytes = 0

    async def start(self) -> None:
        """Start it, unless it runs. Raises BadTransform when the function cannot be imported."""
        if self._process is not None:
            return
        # A session of its own: Ctrl-C reaches the parent alone, which decides.
        command = (sys.executable, "-m", "expandcontract.transforms", self._function, *self._columns)
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        try:
            async with asyncio.timeout(LONGEST_IMPORT_SECONDS):
                refused = await self._hear(self._process)
        except TimeoutError:
            refused = Failed("TimeoutError", f"It took more than {LONGEST_IMPORT_SECONDS:g} s to import")
        except Died as died:
            refused = Failed("its process ended while it was imported", str(died))
        if refused is not None:
            await self.close()
            raise _bad(self._function, refused)

    async def compute(self, values: Sequence[object]) -> list[Computed]:
        """Return what the function makes of each value, of the first ones alone where that is much.

        Raises Died, and BadTransform as `start` does. Who cancels it must close it.
        """
        await self.start()
        assert self._process is not None  # noqa: S101 - it was started
        try:
            message = packed(list(values))
        except Exception as error:  # pickle raises what the objects raise
            words = f"A value that it is to get cannot be handed over: {error}"
            raise _bad(self._function, Failed(type(error).__qualname__, words)) from error
        self.sent_bytes = len(message)
        try:
            answer: list[Computed] = await self._ask(self._process, message)
        except Died:
            await self.close()
            raise
        return answer

    async def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        # Reads what is left as well: only then the pipes are closed.
        await process.communicate()

    async def _ask(self, process: Process, message: bytes) -> Any:  # noqa: ANN401 - what was pickled
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write(message)
        try:
            await process.stdin.drain()
        except ConnectionError as error:
            raise Died(_ended(await process.wait())) from error
        return await self._hear(process)

    async def _hear(self, process: Process) -> Any:  # noqa: ANN401 - what was pickled
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
            body = await process.stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise Died(_ended(await process.wait())) from error
        return pickle.loads(body)  # noqa: S301 - from the user's own function, on this machine


async def require(function: str) -> None:
    """Raise BadTransform unless the function can be imported. It is not called."""
    transformer = Transformer(function)
    try:
        await transformer.start()
    finally:
        await transformer.close()


def _ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _bad(function: str, refused: Failed) -> BadTransform:
    return BadTransform(
        f"The function {function} cannot be used: {refused.kind}.",
        why=f"{refused.words}. It is imported from the folder in which ec was started, or from what is "
        "installed beside ec.",
        next="Run the same command where the function's module can be imported.",
    )
