"""How one chunk is compared, or its values kept: slices with short snapshots, each with its checkpoint."""

import time
from datetime import timedelta

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.postgres.owner_rights import LEAVING_PATH, OWN
from expandcontract.sweep.brake import jittered
from expandcontract.sweep.errands import slices
from expandcontract.sweep.pace import Pace
from expandcontract.sweep.shift import ChunkLost, Shift, TooSlow
from expandcontract.sweep.statements import SliceStatements

#: A slice locks no row; its snapshot holds back the horizon for this long.
TARGET_SECONDS = 0.15
#: What is asked after slices takes this part of the time at most: with a thousand partitions it takes long.
CHECKS_SHARE = 0.1
START = 64
TIMEOUT = timedelta(seconds=5)
HOPELESS = 5


class Slicing:
    """One worker's way of comparing. Keeps its pace, in blocks, from chunk to chunk."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._pace = Pace.adaptive(START, 1, ledger.LARGEST, TARGET_SECONDS)
        self._timeouts = 0
        self._pause_seconds = 0.0
        self._check_again = 0.0
        self._rights = OWN

    async def walk(self, chunk: Chunk) -> None:
        """Go over what is left of the chunk. Raises Braked, ChunkLost, EcError, and what the check raises."""
        self._rights = self._shift.rights(chunk)
        statements = slices(
            self._shift.job.action, chunk.relation_name, self._shift.tables.schema, self._rights
        )
        position = chunk.next_block
        while position < chunk.end_block:
            await self._shift.brake.rest(self._pause_seconds)
            await self._shift.go_ahead(chunk)
            end = min(position + self._pace.batch, chunk.end_block)
            try:
                await self._slice(chunk, statements, position, end)
            except TooSlow as error:
                await self._slower(error)
            else:
                position = end

    async def _slice(self, chunk: Chunk, statements: SliceStatements, first: int, end: int) -> None:
        lease = (chunk.id, chunk.token, (first, 0), (end, 0))

        async def body(conn: AsyncConnection) -> Row[tuple[int, ...]] | None:
            await self._rights.open(conn)
            await self._take_path(conn)
            row = (await conn.exec_driver_sql(statements.slice, (*lease, end, end - first))).first()
            if row is not None and row.mismatches and statements.samples is not None:
                await conn.exec_driver_sql(statements.samples, (*lease, row.mismatches))
            await self._leave_path(conn)
            await self._check(conn)
            killpoints.reach(self._shift.at("slice.after"))
            return row

        killpoints.reach(self._shift.at("slice.before"))
        started = time.monotonic()
        row = await self._shift.transact(body, chunk=chunk, limit=TIMEOUT)
        killpoints.reach(self._shift.at("slice.committed"))
        if row is None:
            raise ChunkLost
        self._timeouts = 0
        took = time.monotonic() - started
        self._pace = self._pace.after(end - first, took)
        self._pause_seconds = self._shift.governor.pause_seconds(took)
        self._shift.batch = self._pace.batch

    async def _take_path(self, conn: AsyncConnection) -> None:
        """Have what the expressions call looked up as in a session of the application."""
        if self._shift.job.action.own_path:
            await conn.exec_driver_sql(self._rights.taking_path)

    async def _leave_path(self, conn: AsyncConnection) -> None:
        if self._shift.job.action.own_path:
            await conn.exec_driver_sql(LEAVING_PATH)

    async def _check(self, conn: AsyncConnection) -> None:
        """Ask whether all this still means something. Whoever finishes asks once more."""
        began = time.monotonic()
        if self._shift.check is None or began < self._check_again:
            return
        await self._shift.check(conn)
        ended = time.monotonic()
        self._check_again = ended + (ended - began) / CHECKS_SHARE

    async def _slower(self, error: TooSlow) -> None:
        """Make slices smaller. Raises StepFailed when that does not help any more."""
        self._pace = self._pace.halved()
        self._timeouts += self._pace.exhausted
        if self._timeouts > HOPELESS:
            raise StepFailed(
                f"A single page of {self._shift.job.action.table} takes over {TIMEOUT.total_seconds():g} s.",
                why="The expressions of the change are too slow to compare rows with.",
                state="What was compared so far is in the ledger.",
            ) from error
        await self._shift.brake.rest(jittered(0.1))
