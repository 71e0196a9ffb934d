"""What people do instead, beside an application: a loop by key, which can be halted, and one UPDATE."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from instrument.copies import Session, Subject, session
from instrument.methods import BATCH, BY_KEY, firing


@dataclass
class Loop:
    """Batches along the primary key, one after the other."""

    subject: Subject
    raw: Session
    _go: asyncio.Event = field(default_factory=asyncio.Event)
    _batch: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rows: int = 0
    _ended: float | None = None

    async def work(self) -> None:
        """Go over the table, while it may."""
        batch = await self.raw.prepare(BY_KEY)
        last: object = self.subject.shape.least
        while last is not None:
            await self._go.wait()
            async with self._batch:
                last = await batch.fetchval(last)
                self._rows += BATCH
        self._ended = time.time()

    async def go_on(self) -> None:
        """Let it copy."""
        self._go.set()

    async def rest(self) -> None:
        """Halt it after its batch."""
        self._go.clear()
        async with self._batch:
            return

    async def rows(self) -> int:
        """Return how many rows are copied."""
        return self._rows

    async def ended(self) -> float | None:
        """Return when the copy ended."""
        return self._ended


@dataclass
class Blocking:
    """One UPDATE, which nothing halts."""

    subject: Subject
    raw: Session
    _go: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: float | None = None

    async def work(self) -> None:
        """Update all rows, once it may."""
        await self._go.wait()
        await self.raw.execute(f"UPDATE t SET new = {self.subject.shape.forward}")
        self._ended = time.time()
        self._over.set()

    async def go_on(self) -> None:
        """Let it begin."""
        self._go.set()

    async def rest(self) -> None:
        """Wait for its end, if it has begun."""
        if self._go.is_set():
            await self._over.wait()

    async def rows(self) -> int:
        """Return how many rows are copied: none or all."""
        return self.subject.rows if self._ended else 0

    async def ended(self) -> float | None:
        """Wait for its end, and return when that was."""
        await self.rest()
        return self._ended


@asynccontextmanager
async def loop(subject: Subject) -> AsyncIterator[Loop]:
    """Give a loop that has not begun, and its trigger; in the end it is stopped where it is."""
    await firing(subject)
    async with session(subject.url) as raw:
        copier = Loop(subject, raw)
        async with _at_work(copier.work()):
            yield copier


@asynccontextmanager
async def blocking(subject: Subject) -> AsyncIterator[Blocking]:
    """Give an UPDATE that has not begun."""
    async with session(subject.url) as raw:
        copier = Blocking(subject, raw)
        async with _at_work(copier.work()):
            yield copier


@asynccontextmanager
async def _at_work(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
