"""The ways to fill `new`: those that people use, and ours."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from expandcontract.engine.leased_work import leased
from expandcontract.engine.runner import begin_phase
from expandcontract.engine.sweep_rounds import SweepPace, copy_to_end
from expandcontract.model.phases import Phase
from instrument.copies import Subject

#: How many rows the loops write in one transaction.
BATCH = 1_000
#: pg_stat_force_next_flush.
FLUSHES_SINCE = 15
#: As the tools write it that walk the primary key and let their trigger do the work.
BY_KEY = f"""
WITH batch AS MATERIALIZED (
  SELECT id FROM t WHERE id > $1 ORDER BY id LIMIT {BATCH} FOR NO KEY UPDATE
), updated AS (
  UPDATE t SET id = t.id FROM batch WHERE t.id = batch.id RETURNING t.id
)
SELECT id FROM updated ORDER BY id DESC LIMIT 1
"""
FIRING = """
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.new := NEW.{forward};
    RETURN NEW;
END $$;
CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fill()
"""
COPIED = """
SELECT sum(rows)::bigint AS rows, sum(hot_rows) / nullif(sum(rows), 0)::float8 AS hot,
       extract(epoch FROM max(updated_at) - min(started_at))::float8 AS seconds, count(*) AS chunks
FROM expandcontract.chunk
WHERE purpose = $1 AND round = (SELECT max(round) FROM expandcontract.chunk WHERE purpose = $1)
"""


@dataclass(frozen=True)
class Run:
    """What a way has done. `rows` are those that it went over; `hot` is the share of HOT updates."""

    rows: int
    seconds: float
    hot: float | None


Way: TypeAlias = Callable[[Subject], Awaitable[Run]]


async def nothing(_subject: Subject) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Method:
    """A way to fill the column.

    `started` says that our sync trigger stands, `keyed` that it cannot do without a primary key, `share`
    which part of the rows it gets, `workers` that it is ours. `prepare` is not measured.
    """

    label: str
    fill: Way
    started: bool = False
    keyed: bool = False
    share: float = 1.0
    workers: int | None = None
    prepare: Callable[[Subject], Awaitable[None]] = nothing


async def blocking(subject: Subject) -> Run:
    """Fill the column in one statement, which holds every row's lock to its end."""
    began = time.perf_counter()
    await subject.raw.execute(f"UPDATE t SET new = {subject.shape.forward}")
    return await _ran(subject, began)


async def by_offset(subject: Subject) -> Run:
    """Fill it as tutorials do: pages by OFFSET, and a statement for each row."""
    began = time.perf_counter()
    page = await subject.raw.prepare(f"SELECT id, old FROM t ORDER BY id LIMIT {BATCH} OFFSET $1")
    write = await subject.raw.prepare("UPDATE t SET new = $1 WHERE id = $2")
    for offset in range(0, subject.rows, BATCH):
        async with subject.raw.transaction():
            for row in await page.fetch(offset):
                await write.fetch(row["old"], row["id"])
    return await _ran(subject, began)


async def by_key(subject: Subject) -> Run:
    """Fill it in batches along the primary key, through a trigger that fires for each row."""
    began = time.perf_counter()
    batch = await subject.raw.prepare(BY_KEY)
    last: object = subject.shape.least
    while last is not None:
        last = await batch.fetchval(last)
    return await _ran(subject, began)


async def firing(subject: Subject) -> None:
    """Put up the trigger that `by_key` relies on."""
    await subject.raw.execute(FIRING.format(forward=subject.shape.forward))


async def sweep(subject: Subject, *, pace: SweepPace, anew: bool = False) -> Run:
    """Fill it by the copy stage of `ec backfill`; rows and time are those of the ledger."""
    async with leased(subject.context, await subject.situation(), "backfill", exclusive=False) as work:
        await begin_phase(work, Phase.BACKFILL)
        await copy_to_end(work, pace, anew=anew)
    found = await swept(subject, "copy")
    return Run(subject.rows, found.seconds, found.hot)


@dataclass(frozen=True)
class Swept:
    """What the ledger says of the last round of a sweep."""

    rows: int
    hot: float | None
    seconds: float
    chunks: int


async def swept(subject: Subject, purpose: str) -> Swept:
    """Ask the ledger."""
    (found,) = await subject.raw.fetch(COPIED, purpose)
    return Swept(**found)


async def _ran(subject: Subject, began: float) -> Run:
    seconds = time.perf_counter() - began
    if subject.server.version >= FLUSHES_SINCE:
        await subject.raw.execute("SELECT pg_stat_force_next_flush()")
    hot = await subject.raw.fetchval(
        "SELECT n_tup_hot_upd / nullif(n_tup_upd, 0)::float8 FROM pg_stat_user_tables WHERE relname = 't'"
    )
    return Run(subject.rows, seconds, hot)


BLOCKING = Method("one blocking UPDATE", blocking)
METHODS = (
    BLOCKING,
    Method("the same, our sync trigger standing", blocking, started=True),
    Method("OFFSET loop, row by row", by_offset, keyed=True, share=0.05),
    Method("1,000 by primary key, trigger fires", by_key, keyed=True, prepare=firing),
    Method("ec backfill, 1 worker", partial(sweep, pace=SweepPace(workers=1)), started=True, workers=1),
    Method("ec backfill, 2 workers", partial(sweep, pace=SweepPace(workers=2)), started=True, workers=2),
)
