"""The workers of one process, and the pulse: once a second it reads the wished state and the totals, and says
how fast the work goes.
"""

import asyncio
import os
import socket
import time
from dataclasses import replace
from typing import assert_never
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger import control, walk
from expandcontract.ledger.chunk import Chunk, Totals
from expandcontract.model import killpoints
from expandcontract.model.errors import ServerAway
from expandcontract.model.events import Progress
from expandcontract.model.records import Wish
from expandcontract.model.step import Purpose, Transformation
from expandcontract.postgres.sqlstate import translate
from expandcontract.sweep.brake import Braked, jittered
from expandcontract.sweep.copying import Copying
from expandcontract.sweep.line import Line
from expandcontract.sweep.meter import Meter
from expandcontract.sweep.shift import ChunkLost, Shift
from expandcontract.sweep.slicing import Slicing
from expandcontract.sweep.transforming import Transforming
from expandcontract.sweep.vacuum import Vacuum

PULSE_SECONDS = 1.0
#: Who finds no chunk looks again this often, as long as others work on theirs.
IDLE_SECONDS = 0.3


class Crew:
    """Works until no chunk of the round is open, or the brake is pulled."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._meter = Meter()
        self._vacuum = Vacuum(shift)
        self._told: Progress | None = None
        self._heard = False
        self._finished = False
        self._error: Exception | None = None
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._deadline = (
            None
            if shift.options.max_runtime is None
            else time.monotonic() + shift.options.max_runtime.total_seconds()
        )

    async def work(self) -> Totals:
        """Return the totals of the round at the end.

        Raises the first error of a worker, or that of the caller's check.
        """
        while True:
            totals = await self._work()
            if not totals.open or self._shift.brake.pulled:
                return totals
            # The server crashed when all was done, and lost what did not wait for the disk.
            self._finished = False

    async def _work(self) -> Totals:
        try:
            await self._pulse()
            while self._staffed():
                await asyncio.wait(self._workers.values(), timeout=self._until_pulse())
                await self._pulse()
        except Braked:
            pass  # a pulse that had to be tried again; the workers have seen it as well
        except Exception:
            self._shift.brake.pull("error")
            raise
        finally:
            try:
                await self._go_home()
            finally:
                await self._vacuum.close()
        if self._error is not None:
            raise self._error
        return await self._totals()

    def _staffed(self) -> bool:
        """Start the workers that are missing; return whether anybody is at work."""
        self._workers = {index: task for index, task in self._workers.items() if not task.done()}
        if not self._finished and not self._shift.brake.pulled:
            for index in range(self._shift.workers):
                if index not in self._workers:
                    self._workers[index] = asyncio.create_task(self._worker(index))
        return bool(self._workers)

    def _until_pulse(self) -> float:
        """Return the seconds until the next pulse, or until the time is up."""
        if self._deadline is None:
            return PULSE_SECONDS
        return max(0.0, min(PULSE_SECONDS, self._deadline - time.monotonic())) or PULSE_SECONDS

    async def _go_home(self) -> None:
        """Wait for the batches that are being written; when this task is being cancelled, cancel them."""
        tasks = list(self._workers.values())
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _worker(self, index: int) -> None:
        """Take chunk after chunk. An error stops the whole crew."""
        line = Line(self._shift)
        walker = self._walker(line)
        try:
            while not self._shift.brake.pulled and index < self._shift.workers:
                chunk = await self._take(index)
                if chunk is not None:
                    await self._walk(walker, chunk)
                elif self._finished:
                    return
                else:
                    await self._shift.brake.rest(jittered(IDLE_SECONDS))
        except Braked:
            return
        except Exception as error:  # noqa: BLE001 - it is raised again when all workers have gone home
            self._error = self._error or _as_ours(error)
            self._shift.brake.pull("error")
        finally:
            await line.close()
            if isinstance(walker, Transforming):
                await walker.close()

    def _walker(self, line: Line) -> Copying | Slicing | Transforming:
        match self._shift.job.purpose:
            case Purpose.COPY if isinstance(self._shift.job.action, Transformation):
                return Transforming(self._shift, line)
            case Purpose.COPY:
                return Copying(self._shift, line, self._vacuum)
            case Purpose.COMPARE | Purpose.KEEP:
                return Slicing(self._shift)
            case unreachable:
                assert_never(unreachable)

    async def _walk(self, walker: Copying | Slicing | Transforming, chunk: Chunk) -> None:
        killpoints.reach("chunk.leased")
        self._shift.held += 1
        try:
            await walker.walk(chunk)
            await self._finish(chunk)
            killpoints.reach("chunk.done")
        except ChunkLost:
            await self._put_right(chunk)
        except Braked:
            await self._release(chunk)
            raise
        except Exception as error:
            self._shift.brake.pull("error")
            if not isinstance(error, ServerAway):  # there is nobody to give it back to
                await self._release(chunk)
            raise
        finally:
            self._shift.held -= 1

    async def _take(self, index: int) -> Chunk | None:
        token, worker = uuid4(), f"{socket.gethostname()}:{os.getpid()}/{index}"

        async def body(conn: AsyncConnection) -> tuple[Chunk | None, bool]:
            taken = await ledger.take(conn, self._shift.tables, self._shift.round, token, worker)
            left = taken is not None or await ledger.is_open(conn, self._shift.tables, self._shift.round)
            return taken, left

        chunk, left = await self._shift.transact(body)
        self._finished = not left
        return chunk

    async def _finish(self, chunk: Chunk) -> None:
        # Where rows were written this commit waits for the disk, and with it everything that was committed
        # before: what is done stays done. What was compared counts with the proof, whose commit does.
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.finish(conn, self._shift.tables, chunk)

        durable = self._shift.job.purpose != Purpose.COMPARE
        if not await self._shift.transact(body, chunk=chunk, synchronous=durable):
            raise ChunkLost

    async def _release(self, chunk: Chunk) -> None:
        """Give the chunk back. Where that fails the lease runs out, and others wait for that."""

        async def body(conn: AsyncConnection) -> bool:
            return await ledger.release(conn, self._shift.tables, chunk)

        try:
            await self._shift.transact(body)
        except Exception:  # noqa: BLE001 - what stopped the worker is what has to be told
            return

    async def _put_right(self, chunk: Chunk) -> None:
        """Lay the chunks of the relation anew where it was rewritten, renamed or dropped.

        Otherwise the chunk is only given back, where it is still this worker's.
        """

        async def body(conn: AsyncConnection) -> None:
            await ledger.release(conn, self._shift.tables, chunk)
            await ledger.lay_anew(
                conn, self._shift.tables, self._shift.round, chunk.relation, self._shift.workers
            )

        await self._shift.transact(body)

    async def _totals(self) -> Totals:
        async with self._shift.database.transaction() as conn:
            return await ledger.totals(conn, self._shift.tables, self._shift.round)

    async def _pulse(self) -> None:
        """Read what is wished and how far everybody is; tell it."""
        shift = self._shift

        async def body(conn: AsyncConnection) -> tuple[Wish, Totals]:
            if shift.check is not None and shift.job.purpose == Purpose.COPY:
                await shift.check(conn)
            if self._told is not None:
                told = replace(self._told, throttled_by=shift.throttled_by)
                await walk.say(conn, shift.tables, shift.round, told, shift.governor.pressed())
            wish = await control.wished(conn, shift.tables, shift.job.change_id)
            if not self._heard or wish.asked_at != shift.wish.asked_at:
                await control.heard(conn, shift.tables, shift.job.change_id, wish)
            return wish, await ledger.totals(conn, shift.tables, shift.round)

        shift.wish, totals = await shift.transact(body)
        self._heard = True
        rate = shift.options.max_rate if shift.wish.max_rate is None else shift.wish.max_rate
        # The rate is meant for the change: who has half of the chunks that are being worked on has half of
        # it.
        shift.throttle.limit = (
            None if rate is None else rate * max(shift.held, 1) / max(totals.running, shift.held, 1)
        )
        shift.governor.wish(shift.wish.max_lag_seconds)
        await shift.governor.read(older_than=PULSE_SECONDS / 2)
        self._meter.note(time.monotonic(), totals.rows, totals.blocks_done, paused=shift.wish.paused)
        self._told = self._progress(totals)
        shift.listen(self._told)
        if self._deadline is not None and time.monotonic() >= self._deadline:
            shift.brake.pull("runtime")

    def _progress(self, totals: Totals) -> Progress:
        return Progress(
            change=self._shift.job.name,
            stage=self._shift.job.purpose.value,
            rows=totals.rows,
            blocks_done=totals.blocks_done,
            blocks_total=totals.blocks_total,
            rows_per_second=self._meter.rows_per_second,
            batch=self._shift.batch,
            hot_ratio=totals.hot_rows / totals.rows
            if totals.rows and self._shift.job.purpose == Purpose.COPY
            else None,
            throttled_by=self._shift.throttled_by,
            eta_seconds=self._meter.eta_seconds(totals.blocks_total - totals.blocks_done),
        )


def _as_ours(error: Exception) -> Exception:
    """Return an error of ours for the server's; what the caller's check raised is the caller's."""
    if isinstance(error, ChunkLost):
        return translate(error.__cause__ or error)
    return translate(error) if isinstance(error, DBAPIError | OSError) else error
