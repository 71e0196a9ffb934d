"""What the workers of one process share, and how each of their transactions is run."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.chunk import Chunk, Round
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import NotConnected, ServerAway, StepFailed
from expandcontract.model.events import Listener, Notice
from expandcontract.model.records import Wish
from expandcontract.model.step import Transformation
from expandcontract.postgres import sqlstate as codes
from expandcontract.postgres.connect import Database
from expandcontract.postgres.owner_rights import OWN, OwnerRights
from expandcontract.sweep.brake import Brake, Braked, jittered
from expandcontract.sweep.governor import Governor
from expandcontract.sweep.job import Job, SweepOptions
from expandcontract.sweep.statements import settings
from expandcontract.throttles.max_rate import MaxRate

T = TypeVar("T")
SliceCheck = Callable[[AsyncConnection], Awaitable[None]]

#: A server that is away is waited for this many times more: a failover takes longer than a restart.
AWAY_AGAIN = 2
#: A broken connection is made anew this many times in a row.
RECONNECTS = 40
#: Somebody who waits for long is told so, not more often than this.
NOTICE_SECONDS = 30.0
#: What a function of the user raises as if it would pass is tried again no longer than this.
PATIENT_SECONDS = 30.0
#: A client that stops in the middle of a transaction must not keep its row locks.
SILENCE = timedelta(seconds=1)
#: A worker that is held back prolongs its lease this often, and says for what it waits.
HEARTBEAT_SECONDS = 2.0


class _Code:
    UNDEFINED_TABLE = "42P01"


class TooSlow(Exception):
    """A transaction ran into its timeout and was rolled back."""


class ChunkLost(Exception):
    """What the worker remembers of its chunk does not hold any more.

    Another worker has it, its relation is not what it was when it was laid, or the server crashed.
    """


@dataclass
class Shift:
    """The workers of one process on one job.

    `wish` is what the ledger's control row says; it changes while they work. `patience` bounds a
    transaction that holds row locks.
    """

    database: Database
    tables: Tables
    job: Job
    options: SweepOptions
    listen: Listener
    check: SliceCheck | None
    brake: Brake
    throttle: MaxRate
    governor: Governor
    patience: timedelta
    wish: Wish = field(default_factory=Wish)
    batch: int = 0
    throttled_by: str | None = None
    #: How many chunks this process has leased.
    held: int = 0
    #: Whether there was a connection at all: then one that cannot be made is a server that restarts.
    _connected: bool = False

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

    def too_slow(self, what: str) -> StepFailed:
        """Return the error where the least that can be written takes too long."""
        return StepFailed(
            f"A single {what} of {self.job.action.table} takes too long to write.",
            why=f"A batch that held its row locks for over {self.patience.total_seconds():g} s "
            "would make the application wait.",
            state="What was written so far is in the ledger.",
        )

    def notice(self, text: str) -> None:
        """Tell whoever listens."""
        self.listen(Notice(self.job.name, text))

    async def go_ahead(self, chunk: Chunk) -> None:
        """Return when the change is not paused and no throttle holds it back; wait without a transaction.

        Raises Braked, also for a pause that is not to be waited for, and ChunkLost.
        """
        beaten = -inf
        while (why := await self._held_by()) is not None and not self.brake.pulled:
            self.throttled_by = why
            if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                await self._still_here(chunk, why)
                beaten = time.monotonic()
            await self.brake.rest(0.1)
        if self.brake.pulled:
            raise Braked

    async def _held_by(self) -> str | None:
        """Return why no batch may be done now; else note what slows the work down."""
        if self.wish.paused:
            if not self.options.wait_when_paused:
                self.brake.pull("paused")
            return self.wish.pause
        decision = await self.governor.ask()
        if decision.wait:
            return decision.reason
        self.throttled_by = decision.reason
        return None

    async def _still_here(self, chunk: Chunk, why: str) -> None:
        async def body(conn: AsyncConnection) -> bool:
            return await ledger.wait_for(conn, self.tables, chunk, why)

        if not await self.transact(body, chunk=chunk):
            raise ChunkLost

    async def transact(
        self,
        body: Callable[[AsyncConnection], Awaitable[T]],
        *,
        chunk: Chunk | None = None,
        limit: timedelta | None = None,
        synchronous: bool = False,
    ) -> T:
        """Run `body` in a transaction, again when it failed for a reason that passes; return its result.

        With `chunk` what `body` does rests on what the worker remembers of that chunk.

        Raises:
            TooSlow: a statement ran into `limit`.
            ChunkLost: the relation is gone or has another name, or the server crashed since the lease.
            Braked: the brake was pulled while it waited to try again.
            EcError: what does not pass.
        """

        async def once() -> T:
            async with self.database.transaction(
                synchronous=synchronous, statement_timeout=limit, silence=SILENCE
            ) as conn:
                # What rests on no chunk is about the ledger's own tables.
                if chunk is not None:
                    query = settings(self.options.session_settings, local=True)
                    refuse_memory(chunk, (await conn.exec_driver_sql(query)).one().incarnation)
                return await body(conn)

        return await self.persist(once, limited=limit is not None)

    def rights(self, chunk: Chunk) -> OwnerRights:
        """Return with whose rights the rows of a chunk are read and written. What a program computes is the
        session's own affair.
        """
        return OWN if isinstance(self.job.action, Transformation) else OwnerRights(chunk.owner)

    async def persist(self, once: Callable[[], Awaitable[T]], *, limited: bool) -> T:
        """Do what is one transaction, again when it failed for a reason that passes; return its result.

        Raises what `transact` raises; TooSlow only when it is `limited` in time.
        """
        since, noticed, broken = time.monotonic(), 1.0, 0
        while True:
            try:
                answer = await once()
            except ChunkLost:
                raise
            except Exception as error:  # SQLSTATE decides; what does not pass is raised
                if codes.context(error) and time.monotonic() - since > PATIENT_SECONDS:
                    raise codes.translate(error) from error
                broken = self._judge(error, broken, limited=limited)
            else:
                self._connected = True
                return answer
            if self.brake.pulled:
                raise Braked
            waited = time.monotonic() - since
            if not broken and waited > noticed:
                noticed = waited + NOTICE_SECONDS
                self.notice(f"waiting for a lock on {self.job.action.table}: somebody rewrites or alters it")
            await self.brake.rest(jittered(0.05 * 2 ** min(broken, 4)))

    def _judge(self, error: Exception, broken: int, *, limited: bool) -> int:
        """Return how many connections broke in a row. Raises what does not pass by itself."""
        if isinstance(error, ServerAway):
            # It was waited for already.
            if broken < RECONNECTS:
                return broken + RECONNECTS // AWAY_AGAIN
            # Neither the other workers nor what is written at the end has anything to wait for.
            self.database.give_up()
            raise ServerAway(
                error.message,
                why=f"{error.why} A sweep waits {AWAY_AGAIN + 1} times in a row.",
                state=error.state,
                next=error.next,
            ) from error
        if codes.is_disconnect(error) or (isinstance(error, NotConnected) and self._connected):
            if broken < RECONNECTS:
                return broken + 1
            raise codes.translate(error) from error
        match codes.sqlstate(error):
            case codes.QUERY_CANCELED if limited:
                raise TooSlow from error
            case codes.QUERY_CANCELED | codes.LOCK_NOT_AVAILABLE:
                return 0
            case codes.SERIALIZATION_FAILURE | codes.DEADLOCK_DETECTED:
                return 0
            # Inside a function, a trigger of the user's as a rule, it is another table that is missing.
            case _Code.UNDEFINED_TABLE if not codes.context(error):
                raise ChunkLost from error
            case None:
                raise error  # not the server's: the caller's check has its own
            case _:
                raise codes.translate(error) from error


def refuse_memory(chunk: Chunk | None, incarnation: str) -> None:
    """Raise ChunkLost when the server is another than at the lease: it may have lost commits since."""
    if chunk is not None and chunk.incarnation != incarnation:
        raise ChunkLost
