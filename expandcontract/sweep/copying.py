"""How one chunk is copied: look, write in passes, and come back for the rows that somebody had locked."""

import time
from collections.abc import Iterator
from math import ceil
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.sweep import culprit
from expandcontract.sweep.brake import Braked, jittered
from expandcontract.sweep.errands import copy
from expandcontract.sweep.line import Answer, Line
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.shift import NOTICE_SECONDS, ChunkLost, Shift, TooSlow
from expandcontract.sweep.statements import CopyStatements
from expandcontract.sweep.tempo import Tempo, Written
from expandcontract.sweep.vacuum import Vacuum
from expandcontract.sweep.window import INTERLEAVED, BlockCounts, Pass, Strip, Window, blocks_for, plan

#: Rows in a batch.
START, FLOOR, CEILING = 1_000, 100, 20_000
#: A look locks nothing; it only has to let go of its snapshot soon.
LOOK_TARGET_SECONDS = 0.1
LOOK_START = 64
#: In this many blocks of a look the places of rows on their pages are looked at.
SAMPLED = 32
#: Where nothing is written, the checkpoint moves once in this many seconds.
CHECKPOINT_SECONDS = 1.0
#: A page that does not get through its timeout in this many tries never will.
HOPELESS = 20
#: A row that a trigger does not let us write is tried this many times.
REFUSALS = 3


class Copying:
    """One worker's way of copying. Keeps its pace from chunk to chunk.

    What `walk` has written is in sync and counted, whatever happens to the process.
    """

    def __init__(self, shift: Shift, line: Line, vacuum: Vacuum) -> None:
        self._shift = shift
        self._line = line
        self._vacuum = vacuum
        self._blocks = 0
        self._tempo = Tempo(shift, START, FLOOR, CEILING)
        self._looking = Pace.adaptive(LOOK_START, 1, ledger.LARGEST, LOOK_TARGET_SECONDS)
        self._density: float | None = None
        self._per_block: float | None = None
        self._timeouts = 0
        self._part_rows: int | None = None

    async def walk(self, chunk: Chunk) -> None:
        """Copy what is left of the chunk. Raises Braked, ChunkLost, EcError."""
        rights = self._shift.rights(chunk)
        statements = copy(self._shift.job.action, chunk.relation_name, self._shift.tables.schema, rights)
        self._line.rights = rights
        position, checked = chunk.next_block, time.monotonic()
        while position < chunk.end_block:
            if self._shift.brake.pulled:
                raise Braked
            try:
                window, end = await self._next(chunk, statements, position)
                if window is not None:
                    await self._written(chunk, statements, window)
                    checked = time.monotonic()
                else:
                    await self._tempo.rest()
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
        if self._per_block is not None:
            size = min(size, blocks_for(self._tempo.rows(), strips, self._per_block))
        end = min(position + size, chunk.end_block)
        look = await self._look(chunk, statements, position, end)
        if look is None:
            self._density = self._per_block = None
            return None, end
        window = plan(look, self._tempo.rows(), strips)
        self._density, self._per_block = look.density, window.passes[0].per_block
        behind = window.strips[-1].end
        return window, end if behind > look.last else behind

    async def _look(
        self, chunk: Chunk, statements: CopyStatements, first: int, end: int
    ) -> BlockCounts | None:
        started = time.monotonic()
        row = await self._line.run(chunk, statements.look, ((first, 0), (end, 0), (first + SAMPLED, 0)))
        if row is None or row["filenode"] != chunk.filenode:
            raise ChunkLost
        took = time.monotonic() - started
        self._looking = self._looking.after(end - first, took)
        self._tempo.worked(took)
        self._blocks = row["blocks"]
        killpoints.reach("copy.look.after")
        if not row["wanted"]:
            return None
        highest = row["highest"] or ceil(row["wanted"] / (end - first))
        return BlockCounts(row["wanted"], row["first"][0], row["last"][0], highest)

    async def _written(self, chunk: Chunk, statements: CopyStatements, window: Window) -> None:
        try:
            await self._write(chunk, statements, window)
        except StepFailed as error:
            first, end = window.strips[0].first, window.strips[-1].end
            raise await culprit.named(self._shift, chunk, first, end, error) from error

    async def _write(self, chunk: Chunk, statements: CopyStatements, window: Window) -> None:
        *shares, last = window.passes
        for share in shares:
            moving = share is window.passes[0]
            for strip in window.strips:
                for part in self._parts(strip, share, moving=moving):
                    blocks = (part.first, part.end - 1)
                    await self._batched(chunk, statements.share, blocks, share.places, moving=moving)
        for strip in window.strips:
            for part in self._parts(strip, last):
                await self._rest(chunk, statements, part)
        killpoints.reach("copy.window.done")

    def _parts(self, strip: Strip, share: Pass, *, moving: bool = False) -> Iterator[Strip]:
        """Divide what a pass writes of a strip into transactions, each as large as the tempo is by then."""
        first = strip.first
        while first < strip.end:
            part = share.part(Strip(first, strip.end), self._tempo.rows(moving=moving))
            self._part_rows = share.rows(part)
            yield part
            first = part.end

    async def _rest(self, chunk: Chunk, statements: CopyStatements, strip: Strip) -> None:
        """Write until nothing is left. Rows that somebody has locked are waited for without a transaction."""
        pause, waited, noticed, refused = 0.02, 0.0, 0.5, 0
        while True:
            blocks = ((strip.first, 0), (strip.end, 0))
            row, batch = await self._batched(chunk, statements.rest, blocks, (strip.end,))
            if row["found"] <= row["written"]:
                return
            refused = refused + 1 if row["written"] < row["locked"] else 0
            if refused > REFUSALS:
                raise _suppressed(chunk, row["locked"] - row["written"])
            if row["written"] >= batch:
                continue  # not locked, only more than a batch
            if waited >= noticed:
                left = row["found"] - row["written"]
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
        self,
        chunk: Chunk,
        statement: str,
        blocks: tuple[Any, Any],
        more: tuple[int, ...],
        *,
        moving: bool = False,
    ) -> tuple[Answer, int]:
        """Write one batch with its checkpoint, when nothing holds it back; return of how many rows it was."""
        await self._tempo.wait(chunk)
        batch = self._tempo.rows(moving=moving)
        parameters = (chunk.id, chunk.token, *blocks, batch, self._shift.throttled_by, *more)
        killpoints.reach("copy.batch.before")
        started = time.monotonic()
        row = await self._line.run(chunk, statement, parameters)
        killpoints.reach("copy.batch.committed")
        if row is None:
            raise ChunkLost
        if self._density:
            self._vacuum.note(chunk, row["moved"], self._blocks, self._density)
        self._tempo.wrote(Written.of(row, row["written"], time.monotonic() - started), moving=moving)
        self._shift.batch = self._tempo.rows()
        return row, batch

    async def _slower(self, error: TooSlow) -> None:
        """Make batches and looks smaller. Raises StepFailed when that does not help any more."""
        self._tempo.halve(self._part_rows)
        self._looking = self._looking.halved()
        self._density = self._per_block = None
        self._shift.batch = self._tempo.rows()
        if self._tempo.exhausted and self._looking.exhausted:
            self._timeouts += 1
        if self._timeouts > HOPELESS:
            raise self._shift.too_slow("page") from error
        await self._shift.brake.rest(jittered(0.1))

    async def _checkpoint(self, chunk: Chunk, position: int) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.checkpoint(conn, self._shift.tables, chunk, position)

        if not await self._shift.transact(body, chunk=chunk):
            raise ChunkLost


def _suppressed(chunk: Chunk, rows: int) -> StepFailed:
    return StepFailed(
        f"{rows} rows of {chunk.relation_name} cannot be written.",
        why="A BEFORE UPDATE trigger or a rule keeps the update from happening, without an error.",
        state="What was written so far is in the ledger.",
    )
