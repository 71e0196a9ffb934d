"""What stops the workers of a process: between two batches, never in one."""

import asyncio
import random
from typing import Literal

from expandcontract.sweep.job import StoppedBy


class Braked(Exception):
    """A worker found the brake pulled."""


class Brake:
    """Pulled once, for one reason. `error` stands for an error of another worker."""

    def __init__(self) -> None:
        self.reason: StoppedBy | Literal["error"] | None = None
        self._pulled = asyncio.Event()

    def pull(self, reason: StoppedBy | Literal["error"]) -> None:
        """Let every worker stop after its batch."""
        if self.reason is None:
            self.reason = reason
            self._pulled.set()

    @property
    def pulled(self) -> bool:
        """Whether somebody pulled it."""
        return self._pulled.is_set()

    async def rest(self, seconds: float) -> None:
        """Wait for this long, or until the brake is pulled. Nobody may hold a transaction meanwhile."""
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._pulled.wait(), seconds)
        except TimeoutError:
            return


def jittered(seconds: float) -> float:
    """Return about `seconds`, so that those who failed together do not try again together."""
    return seconds * random.uniform(0.5, 1.5)
