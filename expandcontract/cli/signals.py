"""The one event loop, and its signals: the first asks for a stop at the next checkpoint, the second stops."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from expandcontract.model.errors import Interrupted

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interruption:
    """Whether somebody asked to stop, and how. `exit_code` is 130 or 143."""

    say: Callable[[str], None]
    #: Verbs that write checkpoints look at `stop`; what only reads is stopped at once.
    checkpoints: bool = True
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    received: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that the shell expects for the signal."""
        return 128 + (self.received or signal.SIGINT)


def run(work: Callable[[], Awaitable[T]], interruption: Interruption) -> T:
    """Run `work` in an event loop. An Interrupted that leaves it has the exit code of the signal."""
    try:
        return asyncio.run(_supervised(work, interruption))
    except Interrupted as error:
        error.exit_code = interruption.exit_code  # type: ignore[misc]  # 143 for SIGTERM
        raise


async def _supervised(work: Callable[[], Awaitable[T]], interruption: Interruption) -> T:
    task = asyncio.ensure_future(work())
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, _receive, number, task, interruption)
    try:
        return await task
    except asyncio.CancelledError:
        if interruption.received is None:
            raise
        raise _stopped(interruption, interruption.received) from None
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _stopped(interruption: Interruption, number: signal.Signals) -> Interrupted:
    if not interruption.checkpoints:
        return Interrupted(f"Stopped by {number.name}.")
    return Interrupted(
        f"Stopped at once by {number.name}.",
        state="What was committed is in the ledger; what was not is rolled back.",
        next="the same command again",
    )


def _receive(number: signal.Signals, task: "asyncio.Future[T]", interruption: Interruption) -> None:
    first = interruption.received is None
    interruption.received = interruption.received or number
    interruption.stop.set()
    if first and interruption.checkpoints:
        interruption.say(f"{number.name}: finishing the batch and its checkpoint. Once more stops at once.")
    else:
        task.cancel()
