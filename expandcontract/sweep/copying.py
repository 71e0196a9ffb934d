"""How one chunk is copied: look, write in passes, and come back for the rows that somebody had locked."""

import time
from datetime import timedelta

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.sweep.brake import Braked, jittered
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.shift import NOTICE_SECONDS, ChunkLost, Shift, TooSlow
from expandcontract.sweep.statements import CopyStatements, copy
from expandcontract.sweep.window import INTERLEAVED, Look, Strip, Window, blocks_for, plan

TARGET_SECONDS = 0.05
FLOOR, START, CEILING = 100, 1_000, 20_000
#: A look locks nothing; it only has to let go of its snapshot soon.
LOOK_TARGET_SECONDS = 0.1
LOOK_TIMEOUT = timedelta(seconds=5)
LOOK_START = 64
#: Where nothing is written, the checkpoint moves once in so many seconds.
CHECKPOINT_SECONDS = 1.0
#: A page that does not get through its timeout in so many tries never will.
HOPELESS = 20
#: A row that a trigger does not let us write is tried so many times.
REFUSALS = 3


class Copying:
    """One worker's way of copying. Keeps its pace from chunk to chunk.

    What `walk` has written is in sync and counted, whatever happens to the process.
    """

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._pace = _pace(shift.fixed_batch)
        self._looking = Pace.adaptive(LOOK_START, 1, ledger.LARGEST, LOOK_TARGET_SECONDS)
        self._density: float | None = None
        self._timeouts = 0
        self._share_rows: int | None = None
        self._rest_until = 0.0

    async def walk(self, chunk: Chunk) -> None:
        """Copy what is left of the chunk. Raises Braked, ChunkLost, EcError."""
        statements = copy(self._shift.job.action, chunk.relation_name, self._shift.tables.schema)
        position, checked = chunk.next_block, time.monotonic()
        while position < chunk.end_block:
            if self._shift.brake.pulled:
                raise Braked
            try:
                window, end = await self._next(chunk, statements, position)
                if window is not None:
                    await self._write(chunk, statements, window)
                    checked = time.monotonic()
                self._timeouts = 0
                position = end
            except TooSlow as error:
                await self._slower(error)
                continue
            if time.monotonic() - checked > CHECKPOINT_SECONDS:
                await self._checkpoint(chunk, position)
                checked = time.monotonic()

    async def _next(
        self, chunk: Chunk, statements: CopyStatements, position: int
    ) -> tuple[Window | None, int]:
        """Return the next window, or None where there is nothing to write, and the block behind it."""
        strips = INTERLEAVED if self._shift.workers > 1 else 1
        size = self._looking.batch
        if self._density is not None:
            size = min(size, blocks_for(self._batch(), strips, self._density))
        end = min(position + size, chunk.end_block)
        look = await self._look(chunk, statements, position, end)
        if look is None:
            self._density = None
            return None, end
        self._density = look.wanted / (look.last - look.first + 1)
        window = plan(look, self._batch(), strips)
        self._share_rows = window.share
        behind = window.strips[-1].end
        return window, end if behind > look.last else behind

    async def _look(self, chunk: Chunk, statements: CopyStatements, first: int, end: int) -> Look | None:
        async def body(conn: AsyncConnection) -> Row[tuple[object, ...]]:
            return (await conn.exec_driver_sql(statements.look, ((first, 0), (end, 0)))).one()

        started = time.monotonic()
        row = await self._shift.transact(body, chunk=chunk, limit=LOOK_TIMEOUT)
        if row.filenode != chunk.filenode:
            raise ChunkLost
        self._looking = self._looking.after(end - first, time.monotonic() - started)
        killpoints.reach("copy.look.after")
        return Look(row.rows, row.wanted, row.first[0], row.last[0]) if row.wanted else None

    async def _write(self, chunk: Chunk, statements: CopyStatements, window: Window) -> None:
        for number in range(window.passes - 1):
            for strip in window.strips:
                await self._batched(chunk, statements.share, strip, (window.passes, number))
        for strip in window.strips:
            await self._rest(chunk, statements, strip)
        killpoints.reach("copy.window.done")

    async def _rest(self, chunk: Chunk, statements: CopyStatements, strip: Strip) -> None:
        """Write until nothing is left. Rows that somebody has locked are waited for without a transaction."""
        pause, waited, noticed, refused = 0.02, 0.0, 0.5, 0
        while True:
            batch = self._batch()
            row = await self._batched(chunk, statements.rest, strip, (strip.end,))
            if row.found <= row.written:
                return
            refused = refused + 1 if row.written < row.locked else 0
            if refused > REFUSALS:
                raise _suppressed(chunk, row.locked - row.written)
            if row.written >= batch:
                continue  # not locked, only more than a batch
            if waited >= noticed:
                left = row.found - row.written
                self._shift.notice(
                    f"waiting for {left} rows of {chunk.relation_name} that somebody has locked"
                )
                noticed = waited + NOTICE_SECONDS
            moment = time.monotonic()
            await self._shift.brake.rest(jittered(pause))
            if self._shift.brake.pulled:
                raise Braked
            waited += time.monotonic() - moment
            pause = min(pause * 1.5, 0.5)

    async def _batched(
        self, chunk: Chunk, statement: str, strip: Strip, more: tuple[int, ...]
    ) -> Row[tuple[int, ...]]:
        """Write one batch with its checkpoint, when nothing holds it back."""
        await self._hold_back(chunk)
        batch = self._batch()
        parameters = (
            chunk.id,
            chunk.token,
            (strip.first, 0),
            (strip.end, 0),
            batch,
            self._shift.throttled_by,
            *more,
        )

        async def body(conn: AsyncConnection) -> Row[tuple[int, ...]] | None:
            row = (await conn.exec_driver_sql(statement, parameters)).first()
            killpoints.reach("copy.batch.after")
            return row

        killpoints.reach("copy.batch.before")
        started = time.monotonic()
        row = await self._shift.transact(body, chunk=chunk, limit=self._shift.patience)
        killpoints.reach("copy.batch.committed")
        if row is None:
            raise ChunkLost
        now = time.monotonic()
        self._pace = self._pace.after(row.written, now - started)
        self._shift.throttle.note(row.written, now)
        self._rest_until = now + self._shift.governor.pause_seconds(now - started)
        self._shift.batch = self._pace.batch
        return row

    def _batch(self) -> int:
        """Return how many rows the next transaction may write.

        Under a rate they are no more than it allows in half a second, under load a part of what they would
        be.
        """
        fixed = self._shift.fixed_batch
        if fixed != (self._pace.ceiling if self._pace.fixed else None):
            self._pace = _pace(fixed)
        batch = (
            self._pace.batch if self._pace.fixed else int(self._pace.batch * self._shift.governor.batch_share)
        )
        limit = self._shift.throttle.limit
        return max(1, batch if limit is None else min(batch, int(limit / 2)))

    async def _hold_back(self, chunk: Chunk) -> None:
        """Wait, without a transaction, while the change is paused or a throttle says so."""
        now = time.monotonic()
        pause, reading = self._shift.throttle.pause_seconds(now), self._shift.throttle.reading(now)
        if reading is not None and pause > 0:
            self._shift.throttled_by = reading.sentence
        await self._shift.brake.rest(max(pause, self._rest_until - now))
        await self._shift.go_ahead(chunk)
        if reading is not None and pause > 0 and self._shift.throttled_by is None:
            self._shift.throttled_by = reading.sentence

    async def _slower(self, error: TooSlow) -> None:
        """Make batches and looks smaller. Raises StepFailed when that does not help any more."""
        self._pace, self._looking = self._pace.halved(self._share_rows), self._looking.halved()
        self._density = None
        self._shift.batch = self._pace.batch
        if self._pace.exhausted and self._looking.exhausted:
            self._timeouts += 1
        if self._timeouts > HOPELESS:
            raise StepFailed(
                f"A single page of {self._shift.job.action.table} takes too long to write.",
                why=f"A batch that held its row locks for over {self._shift.patience.total_seconds():g} s "
                "would make the application wait.",
                state="What was written so far is in the ledger.",
            ) from error
        await self._shift.brake.rest(jittered(0.1))

    async def _checkpoint(self, chunk: Chunk, position: int) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.checkpoint(conn, self._shift.tables, chunk, position)

        if not await self._shift.transact(body, chunk=chunk):
            raise ChunkLost


def _pace(fixed: int | None) -> Pace:
    return Pace.adaptive(START, FLOOR, CEILING, TARGET_SECONDS) if fixed is None else Pace.steady(fixed)


def _suppressed(chunk: Chunk, rows: int) -> StepFailed:
    return StepFailed(
        f"{rows} rows of {chunk.relation_name} cannot be written.",
        why="A BEFORE UPDATE trigger or a rule keeps the update from happening, without an error.",
        state="What was written so far is in the ledger.",
    )
