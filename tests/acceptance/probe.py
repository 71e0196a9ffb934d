"""An application that does nothing but measure how long its statements take."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.waiting import until

#: The promise: lock_timeout (100 ms) and 100 ms for what is done under the lock.
LIMIT_SECONDS = 0.2
#: On a machine that does other things as well, one try may catch a moment in which nobody was served.
TRIES = 3


@dataclass
class Probe:
    """Statements, each sent some milliseconds after the one before was answered. `longest` is in seconds."""

    statements: Sequence[str]
    count: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)

    async def run(self, url: str) -> None:
        """Send the statements in turn until cancelled."""
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            url, statement_cache_size=0, server_settings={"application_name": "probe"}
        )
        try:
            while True:
                for statement in self.statements:
                    began = time.perf_counter()
                    try:
                        await connection.execute(statement)
                    except asyncpg.PostgresError as error:
                        self.errors.append(f"{error.sqlstate} {error}")
                    self.longest = max(self.longest, time.perf_counter() - began)
                    self.count += 1
                    await asyncio.sleep(0.003)
        finally:
            connection.terminate()


@asynccontextmanager
async def probing(url: str, statements: Sequence[str], clients: int = 2) -> AsyncIterator[list[Probe]]:
    """Let some clients probe while the body runs. All are at work before it begins, and whatever they sent by
    its end is answered: however few statements a busy machine had time for, no wait is missed.
    """
    probes = [Probe(statements) for _ in range(clients)]
    tasks = [asyncio.create_task(probe.run(url)) for probe in probes]
    try:
        await _answered(probes, tasks)
        for probe in probes:
            probe.longest = 0.0  # a session's first statements find nothing cached
        yield probes
        await _answered(probes, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answered(probes: Sequence[Probe], tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until each probe had an answer to a statement that it sent after now."""
    enough = [probe.count + 2 for probe in probes]
    await until(
        lambda: all(probe.count >= count for probe, count in zip(probes, enough, strict=True)), *tasks
    )


def longest(probes: Sequence[Probe]) -> float:
    """Return the longest wait of any probe, in seconds. They must have measured something, and no statement
    may have failed.
    """
    assert not [error for probe in probes for error in probe.errors]
    assert all(probe.count >= 4 for probe in probes)
    return max(probe.longest for probe in probes)


async def require_short(
    measure: Callable[[], Awaitable[float]], control: Callable[[], Awaitable[float]]
) -> None:
    """Hold the longest wait to the limit.

    `measure` carries something out and returns the longest wait beside it; `control` the longest wait of the
    same probes alone. Only when a first try is over the limit are there others: then the median excess over
    the control is judged.
    """
    found: list[float] = []
    for _ in range(TRIES):
        found.append(await measure())
        if len(found) == 1 and found[0] <= LIMIT_SECONDS:
            return
        found[-1] -= await control()
    assert statistics.median(found) <= LIMIT_SECONDS, f"longest waits over those without ec: {found}"
