"""What the workers of one process share, and how each of their transactions is run."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk, Round
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import EcError, NotConnected
from expandcontract.model.events import Listener, Notice
from expandcontract.model.situation import Wish
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.connect import Database
from expandcontract.sweep.brake import Brake, Braked, jittered
from expandcontract.sweep.job import Job, Options
from expandcontract.sweep.statements import SETTINGS
from expandcontract.throttles.max_rate import MaxRate

T = TypeVar("T")
Check = Callable[[AsyncConnection], Awaitable[None]]

#: A broken connection is made anew so many times in a row.
RECONNECTS = 6
#: Somebody who waits for long is told so, not more often than this.
NOTICE_SECONDS = 30.0
#: A paused worker prolongs its lease so often.
HEARTBEAT_SECONDS = 3.0


class _Code:
    UNDEFINED_TABLE = "42P01"


class TooSlow(Exception):  # noqa: N818 - not an error: the batch becomes smaller
    """A transaction ran into its timeout and was rolled back."""


class ChunkLost(Exception):  # noqa: N818 - not an error: the worker takes another chunk
    """The chunk belongs to another worker now, or its relation is not what it was when the chunk was laid."""


@dataclass
class Shift:
    """The workers of one process on one job.

    `wish` is what the ledger's control row says; it changes while they work. `patience` bounds a transaction that holds row locks.
    """

    database: Database
    tables: Tables
    job: Job
    options: Options
    listen: Listener
    check: Check | None
    brake: Brake
    throttle: MaxRate
    patience: timedelta
    wish: Wish = Wish()
    batch: int = 0
    throttled_by: str | None = None
    #: How many chunks this process has leased.
    held: int = 0

    @property
    def round(self) -> Round:
        """The chunks that are worked on."""
        return Round(self.job.change_id, self.job.attempt, self.job.purpose, self.job.round)

    @property
    def workers(self) -> int:
        """How many workers this process is to have now."""
        return max(1, self.wish.workers or self.options.workers)

    @property
    def fixed_batch(self) -> int | None:
        """The batch that somebody asked for; None when it adapts."""
        return self.wish.batch or self.options.batch

    def at(self, point: str) -> str:
        """Return the name of a kill point of this purpose."""
        return f"{self.job.purpose.value}.{point}"

    def notice(self, text: str) -> None:
        """Tell whoever listens."""
        self.listen(Notice(self.job.name, text))

    async def while_paused(self, chunk: Chunk) -> None:
        """Wait until the change is resumed, without a transaction. Raises Braked when it is not to be waited for, ChunkLost."""
        why = f"paused by {self.wish.paused_by}" if self.wish.paused_by else "paused"
        if not self.options.wait_when_paused:
            self.brake.pull("paused")
        beaten: float | None = None
        while self.wish.paused and not self.brake.pulled:
            self.throttled_by = why
            if beaten is None or time.monotonic() - beaten > HEARTBEAT_SECONDS:
                await self._still_here(chunk, why)
                beaten = time.monotonic()
            await self.brake.rest(0.1)
        self.throttled_by = None
        if self.brake.pulled:
            raise Braked

    async def _still_here(self, chunk: Chunk, why: str) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.wait_for(conn, self.tables, chunk, why)

        if not await self.transact(body):
            raise ChunkLost

    async def transact(
        self,
        body: Callable[[AsyncConnection], Awaitable[T]],
        *,
        timeout: timedelta | None = None,
        synchronous: bool = False,
    ) -> T:
        """Run `body` in a transaction, again when it failed for a reason that passes, and return what it returns.

        Raises:
            TooSlow: it ran into `timeout`.
            ChunkLost: its relation is gone, or has another name.
            Braked: the brake was pulled while it waited to try again.
            EcError: what does not pass.
        """
        failures, waiting_since, noticed = 0, time.monotonic(), 0.0
        while True:
            try:
                async with self.database.transaction(
                    synchronous=synchronous, statement_timeout=timeout
                ) as conn:
                    await conn.exec_driver_sql(SETTINGS)
                    return await body(conn)
            except (EcError, ChunkLost) as error:
                if not isinstance(error, NotConnected) or failures == 0:
                    raise
                failures = self._counted(error, failures)
            except Exception as error:
                failures = self._counted(error, failures)
                waited = time.monotonic() - waiting_since
                if codes.sqlstate(error) == codes.LOCK_NOT_AVAILABLE and waited > noticed + 1:
                    noticed = waited + NOTICE_SECONDS
                    self.notice(
                        f"waiting for a lock on {self.job.action.table}: somebody rewrites or alters it"
                    )
            if self.brake.pulled:
                raise Braked
            await self.brake.rest(jittered(0.05 * 2 ** min(failures, 6)))

    @staticmethod
    def _counted(error: Exception, failures: int) -> int:
        """Return how many connections broke in a row; raise what does not pass by itself."""
        match codes.sqlstate(error):
            case codes.QUERY_CANCELED:
                raise TooSlow from error
            case _Code.UNDEFINED_TABLE:
                raise ChunkLost from error
            case codes.LOCK_NOT_AVAILABLE | codes.SERIALIZATION_FAILURE | codes.DEADLOCK_DETECTED:
                return 0
            case _:
                pass
        if failures < RECONNECTS and (codes.is_disconnect(error) or isinstance(error, NotConnected)):
            return failures + 1
        raise codes.translate(error) from error
