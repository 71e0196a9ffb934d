"""The way in: lay the chunks of a job, and take part in walking them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import chunk as ledger
from expandcontract.ledger.tables import Tables
from expandcontract.model import killpoints
from expandcontract.model.events import Listener, Notice, ignore
from expandcontract.model.step import Purpose
from expandcontract.postgres.connect import Database
from expandcontract.sweep.brake import Brake
from expandcontract.sweep.crew import Crew
from expandcontract.sweep.governor import Governor
from expandcontract.sweep.job import Job, SweepOptions, SweepOutcome
from expandcontract.sweep.shift import Shift, SliceCheck
from expandcontract.throttles.max_rate import MaxRate

#: A batch that adapts itself may hold row locks for this long; one that somebody fixed, for up to half of
#: deadlock_timeout.
LONGEST_BATCH = timedelta(milliseconds=200)
#: Of deadlock_timeout: under half, so that an application that waits for a batch never looks for a deadlock
#: with it.
SHARE_OF_DEADLOCK_TIMEOUT = 0.45


async def lay(conn: AsyncConnection, tables: Tables, job: Job, *, workers: int = 1) -> int:
    """Lay chunks over the present size of all leaves of the table, in the caller's transaction; say how many.

    Does nothing where the round has chunks already. An empty table has none: the sweep is then finished at
    once. Waits for the lock on the change's row.
    """
    laid = await ledger.lay(conn, tables, _round(job), job.table, workers)
    killpoints.reach(f"{job.purpose.value}.laid")
    return laid


async def walk(  # noqa: PLR0913 - what the engine knows and the sweep does not
    database: Database,
    tables: Tables,
    job: Job,
    *,
    options: SweepOptions | None = None,
    listen: Listener = ignore,
    stop: asyncio.Event | None = None,
    check: SliceCheck | None = None,
    void_leases: bool = False,
) -> SweepOutcome:
    """Walk the chunks of a job, together with whoever else does, until none is open or this process stops.

    Args:
        database: where the table and the ledger are.
        tables: the ledger.
        job: what was laid.
        options: how this process takes part.
        listen: hears Progress about once a second, and a Notice when rows or locks are waited for.
        stop: when set, the batches that are being written are finished, and their checkpoints with them.
        check: called in a transaction of ours, after slices of a comparison (for a tenth of the time at most)
            and once a second of a copy. What it raises ends the walk; the transaction is rolled back.
        void_leases: the caller knows that nobody else works on this change: chunks that dead workers have
        leased are taken at once.

    Raises:
        StepFailed, ConnectionLost, MissingPrivilege: what was committed is in the ledger, and the chunks
        are free again.
    """
    options = options or SweepOptions()
    governor = Governor(database, job.purpose, options.limits, lambda text: listen(Notice(job.name, text)))
    rate = MaxRate(options.max_rate)
    shift = Shift(database, tables, job, options, listen, check, Brake(), rate, governor, LONGEST_BATCH)
    if job.purpose == Purpose.COPY:
        shift.patience = await _patience(shift)
    if void_leases:
        await shift.transact(lambda conn: ledger.void_leases(conn, tables, shift.round))
    async with _braked_by(stop, shift.brake):
        totals = await Crew(shift).work()
    reason = shift.brake.reason if totals.open and shift.brake.reason != "error" else None
    return SweepOutcome(totals.rows, totals.mismatches, totals.unfit, totals.open == 0, reason)


def _round(job: Job) -> ledger.Round:
    return ledger.Round(job.change_id, job.attempt, job.purpose, job.round)


async def _patience(shift: Shift) -> timedelta:
    """Return for how long a batch may hold row locks here."""
    query = "SELECT setting::pg_catalog.float8 FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"

    async def body(conn: AsyncConnection) -> float:
        return float((await conn.exec_driver_sql(query)).scalar_one())

    limit = timedelta(milliseconds=await shift.transact(body)) * SHARE_OF_DEADLOCK_TIMEOUT
    return limit if shift.options.batch is not None else min(limit, LONGEST_BATCH)


@asynccontextmanager
async def _braked_by(stop: asyncio.Event | None, brake: Brake) -> AsyncIterator[None]:
    """Pull the brake when `stop` is set, as long as the body runs."""

    async def watch(event: asyncio.Event) -> None:
        await event.wait()
        brake.pull("signal")

    watcher = asyncio.create_task(watch(stop or asyncio.Event()))
    try:
        yield
    finally:
        watcher.cancel()
