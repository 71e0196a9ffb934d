"""How one chunk is filled with what a Python function makes: read, compute, write what was not written since.

While the function computes there is no transaction. One batch at a time is in a worker's hands, and each
worker has a process of its own for the function.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed, TransformFailed
from expandcontract.model.step import Transformation
from expandcontract.postgres.owner_rights import LEAVING_PATH, OWN
from expandcontract.sweep.brake import Braked, jittered
from expandcontract.sweep.filled_rows import FilledRow, Filling, RefusedRow, Unfilled
from expandcontract.sweep.given_rows import given, named
from expandcontract.sweep.line import Line
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.shift import HEARTBEAT_SECONDS, NOTICE_SECONDS, ChunkLost, Shift, TooSlow
from expandcontract.sweep.transform_statements import TransformStatements, file_of, render
from expandcontract.transforms.outcome import Computed, Failed, Made
from expandcontract.transforms.process import Died, Transformer

T = TypeVar("T")

#: Rows that are computed at once: for this long, and of this many bytes.
COMPUTE_SECONDS, SENT_BYTES = 0.5, 4 * 1024 * 1024
START, CEILING = 20, 5_000
READ_SECONDS, READ_START = 0.1, 64
READ_TIMEOUT = timedelta(seconds=5)
#: Where nothing is written, the checkpoint moves once in this many seconds.
CHECKPOINT_SECONDS = 1.0
#: A row that cannot be read within its timeout in this many tries never will.
HOPELESS = 20


@dataclass(frozen=True)
class Batch:
    """What was read. `behind` is the first block that may hold more."""

    rows: tuple[Unfilled, ...]
    behind: int


class Transforming:
    """One worker's way of filling. Keeps its pace, and its process, from chunk to chunk. To be closed."""

    def __init__(self, shift: Shift, line: Line) -> None:
        action = shift.job.action
        assert isinstance(action, Transformation)  # noqa: S101 - the crew asked
        self._shift = shift
        self._action = action
        self._columns = named(action)
        self._transformer = Transformer(action.function, self._columns.written)
        self._filling = Filling(shift, line)
        self._reading = Pace.adaptive(READ_START, 1, ledger.LARGEST, READ_SECONDS)
        self._computing = Pace.adaptive(START, 1, CEILING, COMPUTE_SECONDS)
        self._sending = Pace.adaptive(START, 1, CEILING, SENT_BYTES)
        self._density = 0.0
        self._left_out: dict[tuple[int, int], int] = {}
        self._timeouts = 0

    async def close(self) -> None:
        """End the function's process."""
        await self._transformer.close()

    async def walk(self, chunk: Chunk) -> None:
        """Fill what is left of the chunk. Raises Braked, ChunkLost, EcError."""
        statements = render(self._action, chunk.relation_name, self._shift.tables.schema)
        waiting = _Waiting()
        position, checked = chunk.next_block, time.monotonic()
        self._left_out.clear()
        while position < chunk.end_block:
            if self._shift.brake.pulled:
                raise Braked
            batch = await self._read(chunk, statements, position)
            left = len(batch.rows) - await self._fill(chunk, statements, batch)
            if left:
                # Somebody has locked or written them since: they are looked at again.
                await self._wait(chunk, waiting, left, progress=left < len(batch.rows))
                continue
            waiting = _Waiting()
            position = batch.behind
            self._left_out = {place: v for place, v in self._left_out.items() if place[0] >= position}
            if batch.rows:
                checked = time.monotonic()
            elif time.monotonic() - checked > CHECKPOINT_SECONDS:
                await self._checkpoint(chunk, position)
                checked = time.monotonic()

    async def _read(self, chunk: Chunk, statements: TransformStatements, position: int) -> Batch:
        """Return rows that are not filled, but for those that were left out already."""
        while True:
            most = min(self._computing.batch, self._sending.batch) + len(self._left_out)
            size = self._reading.batch
            if self._density:
                size = min(size, max(1, int(most / self._density)))
            end = min(position + size, chunk.end_block)
            started = time.monotonic()
            try:
                rows = await self._rows(chunk, statements, (position, end), most)
            except TooSlow as error:
                await self._slower(error)
                continue
            self._timeouts = 0
            self._reading = self._reading.after(end - position, time.monotonic() - started)
            killpoints.reach("copy.look.after")
            behind = rows[-1].place[0] if len(rows) == most else end
            self._density = len(rows) / max(1, behind - position)
            fresh = tuple(row for row in rows if self._left_out.get(row.place) != row.version)
            return Batch(fresh, behind)

    async def _rows(
        self, chunk: Chunk, statements: TransformStatements, blocks: tuple[int, int], most: int
    ) -> tuple[Unfilled, ...]:
        first, end = blocks

        async def body(conn: AsyncConnection) -> tuple[Unfilled, ...]:
            await self._look_up(conn, OWN.taking_path)
            read = await conn.exec_driver_sql(statements.read, ((first, 0), (end, 0), most))
            found: list[tuple[Any, ...]] = [tuple(row) for row in read]
            await self._look_up(conn, LEAVING_PATH)
            # The lock that the first statement took keeps the file what it is.
            if (await conn.exec_driver_sql(file_of(chunk.relation_name))).scalar_one() != chunk.filenode:
                raise ChunkLost
            names = self._columns.read
            return tuple(Unfilled(row[0], row[1], row[2], given(row[3:], names)) for row in found)

        return await self._shift.transact(body, chunk=chunk, limit=READ_TIMEOUT)

    async def _look_up(self, conn: AsyncConnection, statement: str) -> None:
        """Have what an expression of the user calls looked up as in a session of the application."""
        if self._action.own_path:
            await conn.exec_driver_sql(statement)

    async def _fill(self, chunk: Chunk, statements: TransformStatements, batch: Batch) -> int:
        """Compute and write; return for how many rows that is done with."""
        if not batch.rows:
            return 0
        outcomes = await self._outcomes(chunk, batch.rows)
        killpoints.reach("transform.computed")
        # Of large values there are fewer than rows: the others are read again.
        became = list(zip(batch.rows, outcomes, strict=False))
        made = [FilledRow(row, self._values(outcome)) for row, outcome in became if isinstance(outcome, Made)]
        bad = [RefusedRow(row, outcome) for row, outcome in became if isinstance(outcome, Failed)]
        whole = len(became) == len(batch.rows)
        behind = batch.behind if whole and not bad else None
        written, refused = await self._filling.write(chunk, statements, made, behind)
        bad += refused
        done = written + len(bad)
        if bad:
            await self._leave_out(chunk, statements, bad, batch.behind if done == len(batch.rows) else None)
        return done

    def _values(self, made: Made) -> tuple[Any, ...]:
        values: tuple[Any, ...] = made.value if self._columns.written else (made.value,)
        return values

    async def _outcomes(self, chunk: Chunk, rows: Sequence[Unfilled]) -> list[Computed]:
        """Compute. Where the process dies of a row, that row is found by halves."""
        started = time.monotonic()
        try:
            outcomes = await self._beside(chunk, self._transformer.compute([row.old for row in rows]))
        except Died as died:
            if len(rows) == 1:
                return [Failed("its process ended", str(died))]
            half = len(rows) // 2
            first = await self._outcomes(chunk, rows[:half])
            return first if len(first) < half else [*first, *await self._outcomes(chunk, rows[half:])]
        self._computing = self._computing.after(len(rows), time.monotonic() - started)
        self._sending = self._sending.after(len(rows), self._transformer.sent_bytes)
        return outcomes

    async def _beside(self, chunk: Chunk, work: Awaitable[T]) -> T:
        """Wait for what is computed; prolong the lease meanwhile. Raises Braked when the brake is pulled."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                resting = asyncio.ensure_future(self._shift.brake.rest(HEARTBEAT_SECONDS))
                await asyncio.wait((task, resting), return_when=asyncio.FIRST_COMPLETED)
                resting.cancel()
                if self._shift.brake.pulled:
                    raise Braked
                if not task.done():
                    await self._still_here(chunk)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._transformer.close()

    async def _leave_out(
        self, chunk: Chunk, statements: TransformStatements, bad: Sequence[RefusedRow], behind: int | None
    ) -> None:
        """Keep in the ledger which rows stay unfilled. Raises TransformFailed unless they may."""
        if self._shift.options.on_error == "stop":
            raise self._failed(bad[0])
        keys = [each.row.key for each in bad]
        sentences = [f"{self._action.function}: {each.failed.kind}" for each in bad]

        async def body(conn: AsyncConnection) -> bool:
            parameters = (chunk.id, chunk.token, keys, sentences, behind)
            return (await conn.exec_driver_sql(statements.skip, parameters)).first() is not None

        if not await self._shift.transact(body, chunk=chunk):
            raise ChunkLost
        self._left_out |= {each.row.place: each.row.version for each in bad}

    def _failed(self, bad: RefusedRow) -> TransformFailed:
        name = self._shift.job.name
        words = f"{bad.failed.words}; it was given {bad.row.old!r}."
        return TransformFailed(
            f"{self._action.function} failed for row {bad.row.key}: {bad.failed.kind}.",
            why=words if self._shift.options.show_values else "",
            state="What was filled before it stays filled; this row is as it was.",
            next=f"Correct the function or the row, then: ec backfill {name}; or leave such rows out: "
            f"ec backfill {name} --on-error skip",
        )

    async def _wait(self, chunk: Chunk, waiting: "_Waiting", left: int, *, progress: bool) -> None:
        """Rows that somebody has locked are waited for without a transaction."""
        if progress:
            return
        if waiting.to_be_told:
            self._shift.notice(f"waiting for {left} rows of {chunk.relation_name} that somebody has locked")
        await self._still_here(chunk)
        await self._shift.brake.rest(waiting.next_pause())

    async def _slower(self, error: TooSlow) -> None:
        """Read less at once. Raises StepFailed when that does not help any more."""
        self._reading, self._sending = self._reading.halved(), self._sending.halved()
        self._density = 0.0
        self._timeouts += self._reading.exhausted and self._sending.exhausted
        if self._timeouts > HOPELESS:
            raise StepFailed(
                f"A single row of {self._action.table} takes too long to read: over "
                f"{READ_TIMEOUT.total_seconds():g} s.",
                state="What was written so far is in the ledger.",
            ) from error
        await self._shift.brake.rest(jittered(0.1))

    async def _still_here(self, chunk: Chunk) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.wait_for(conn, self._shift.tables, chunk, None)

        if not await self._shift.transact(body, chunk=chunk):
            raise ChunkLost

    async def _checkpoint(self, chunk: Chunk, position: int) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.checkpoint(conn, self._shift.tables, chunk, position)

        if not await self._shift.transact(body, chunk=chunk):
            raise ChunkLost


class _Waiting:
    """For how long rows are waited for: pauses grow, and it is told now and then."""

    def __init__(self) -> None:
        self._pause, self._waited, self._noticed = 0.02, 0.0, 0.5

    @property
    def to_be_told(self) -> bool:
        if self._waited < self._noticed:
            return False
        self._noticed = self._waited + NOTICE_SECONDS
        return True

    def next_pause(self) -> float:
        pause = jittered(self._pause)
        self._waited += pause
        self._pause = min(self._pause * 1.5, 0.5)
        return pause
