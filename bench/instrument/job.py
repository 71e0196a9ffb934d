"""`ec backfill` in a process of its own, paused and resumed through the ledger, as by an operator."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from expandcontract.engine.verbs import control
from expandcontract.testing.supervisor import die_with_parent
from instrument.command import NOWHERE, environment, words
from instrument.copies import NAME, Subject

#: At most this long until the job does what is wished: it reads that about once a second.
LIMIT_SECONDS = 60.0
LOOK_SECONDS = 0.02

#: Nobody copies: each chunk that somebody works on waits, or none is left.
AT_REST = """
SELECT count(*) > 0 AND bool_and(status = 'done' OR coalesce(throttled_by, '') LIKE 'paused%'
    OR (status = 'pending' AND EXISTS (SELECT FROM expandcontract.chunk WHERE throttled_by LIKE 'paused%')))
FROM expandcontract.chunk"""
ROWS = "SELECT coalesce(sum(rows), 0)::bigint FROM expandcontract.chunk WHERE purpose = 'copy'"
ENDED = """
SELECT extract(epoch FROM max(updated_at))::float8
FROM expandcontract.chunk WHERE purpose = 'copy' HAVING bool_and(status = 'done')"""


class StuckError(Exception):
    """The job does not do what is wished."""


@dataclass(frozen=True)
class Job:
    """The copy of one table, which goes on or is paused."""

    subject: Subject

    async def go_on(self) -> None:
        """Let it copy; return when it does."""
        before = await self.rows()
        await control.resume(self.subject.context, NAME)
        await self._until(f"SELECT ({ROWS}) > {before} OR ({ENDED}) IS NOT NULL")

    async def rest(self) -> None:
        """Pause it; return when nothing is copied."""
        await control.pause(self.subject.context, NAME)
        await self._until(AT_REST)

    async def rows(self) -> int:
        """Return how many rows are copied."""
        return int(await self.subject.raw.fetchval(ROWS))

    async def ended(self) -> float | None:
        """Return when the copy ended, in seconds since the epoch."""
        moment: float | None = await self.subject.raw.fetchval(ENDED)
        return moment

    async def _until(self, condition: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not await self.subject.raw.fetchval(condition):
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise StuckError(f"after {LIMIT_SECONDS:g} s it is not true that {condition}") from None


@asynccontextmanager
async def paused(subject: Subject) -> AsyncIterator[Job]:
    """Start the job of a change, paused; in the end it is stopped where it is."""
    await control.pause(subject.context, NAME)
    process = await asyncio.create_subprocess_exec(
        *words("backfill", "--no-verify"),
        cwd=NOWHERE,
        env=environment(subject),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        job = Job(subject)
        await job.rest()
        yield job
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
