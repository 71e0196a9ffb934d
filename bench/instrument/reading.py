"""What a second run over finished rows takes, and how fast rows are compared."""

import time
from argparse import Namespace
from functools import partial
from statistics import median

from expandcontract.engine.sweep_rounds import SweepPace
from expandcontract.engine.verbs import verify
from expandcontract.engine.verbs.backfill import BackfillOptions, backfill
from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import NAME, Copies, Subject
from instrument.measured import measure
from instrument.methods import sweep, swept
from instrument.script import say
from instrument.tables import SHAPES, Shape

WORKERS = (1, 2)
#: This many times the rows of the other sections: a comparison of half a million is over before its slices
#: have found their size. More would not fit into shared_buffers.
TIMES = 4


async def run(server: Server, told: Namespace) -> str:
    """Measure both on every table."""
    copies, second, compared = Copies(server), [], []
    for shape in (SHAPES[name] for name in told.tables):
        rows = int(told.rows * TIMES * shape.scale)
        async with copies.fresh(shape, rows, started=True) as subject:
            await sweep(subject, pace=SweepPace())
            # What the first run has left to others: hint bits, which the first reader of a page writes.
            await subject.raw.execute("VACUUM t")
            again = await measure(subject, partial(sweep, pace=SweepPace(), anew=True))
            cells = page.count(again.rows_per_second), page.growth(again.heap), page.size(again.wal)
            second.append([shape.name, *cells])
            say(" | ".join(second[-1]))
            compared += await _compared(subject, shape, told.repeat)
        await copies.forget()
    return "\n\n".join(
        (
            page.table(("second run", "rows/s", "heap", "WAL a row (at most 4 B)"), second),
            page.table(
                (
                    "compare",
                    "workers",
                    "rows/s",
                    "SELECT count(*), as many",
                    "of it (at least 0.5x)",
                    "SELECT count(new)",
                    "of it",
                ),
                compared,
            ),
            _explained(told),
        )
    )


def _explained(told: Namespace) -> str:
    return (
        f"{told.rows * TIMES:,} rows, of the wide table a fifth; medians of {told.repeat} comparisons, "
        "in turn with the counts, with the least and the greatest."
    )


async def _compared(subject: Subject, shape: Shape, repeat: int) -> list[list[str]]:
    await backfill(subject.context, NAME, BackfillOptions(verify=False))
    await subject.raw.execute("VACUUM ANALYZE t")
    await subject.raw.execute("CHECKPOINT")
    rows = []
    for workers in WORKERS:
        ours, theirs, one = [], [], []
        for _ in range(repeat):
            theirs.append(await _counted(subject, workers, "*"))
            one.append(await _counted(subject, workers, "new"))
            ours.append(await _verified(subject, workers))
        cells = [page.middle(ours, page.count, spread=True)]
        for each in (theirs, one):
            cells += [page.middle(each, page.count, spread=True), page.times(median(ours) / median(each))]
        rows.append([shape.name, str(workers), *cells])
        say(" | ".join(rows[-1]))
    return rows


async def _counted(subject: Subject, workers: int, what: str) -> float:
    """Return how many rows a second `workers` processes count, the leader among them: `*`, or a column's
    values, which have to be found in each row.
    """
    await subject.raw.execute(f"SET max_parallel_workers_per_gather = {workers - 1}")
    for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
        await subject.raw.execute(f"SET {setting} = 0")
    # As the comparison: of the heap, not of an index.
    await subject.raw.execute(
        "SET enable_indexonlyscan = off; SET enable_indexscan = off; SET enable_bitmapscan = off"
    )
    began = time.perf_counter()
    await subject.raw.fetchval(f"SELECT count({what}) FROM t")
    return subject.rows / (time.perf_counter() - began)


async def _verified(subject: Subject, workers: int) -> float:
    """Return how many rows a second are compared, by the ledger."""
    await verify.prove(subject.context, await subject.situation(), SweepPace(workers=workers), verb="verify")
    found = await swept(subject, "compare")
    return found.rows / found.seconds
