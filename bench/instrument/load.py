"""What an application feels of the copy: slices of a paced load, the job at work or paused."""

import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import COPY, Copies
from instrument.job import Job, paused
from instrument.pgbench_run import Felt, Load, felt
from instrument.script import say
from instrument.tables import SHAPES, Shape

#: The beginning of a slice does not count: sessions fill their caches.
WARM_UP_SECONDS = 0.5
#: A slice counts when the copy lasted for this share of it.
LASTED = 0.5
P99_LIMIT, LONGEST_LIMIT_SECONDS = 1.25, 0.1


@dataclass(frozen=True)
class Pair:
    """Two slices on one copy of the table, how many rows a second the job copied in its own, and how many
    transactions a second the application did flat out just before, without the job.
    """

    without: Felt
    beside: Felt
    copied: float
    full: float


def options(parser: ArgumentParser) -> None:
    """Add what this section understands."""
    parser.add_argument("--load-rows", type=int, default=500_000, help="narrow twice as many, wide half")
    parser.add_argument("--pairs", type=int, default=20, help="of slices, for each table")
    parser.add_argument("--slice", type=int, default=10, help="seconds")
    parser.add_argument(
        "--alone", type=int, default=3, help="seconds in which full speed is measured before each pair"
    )
    parser.add_argument("--share", type=float, default=0.4, help="of full speed that the load is paced to")
    parser.add_argument("--clients", type=int, default=4)


async def run(server: Server, told: Namespace) -> str:
    """Measure the pairs of every table."""
    waits, costs = [], []
    for shape in (SHAPES[name] for name in told.tables):
        copies, rows = Copies(server), int(told.load_rows * shape.load_scale)
        pairs = []
        for number in range(told.pairs):
            async with (
                copies.fresh(shape, rows, started=True, loaded=True) as subject,
                paused(subject) as job,
            ):
                load = Load(server, COPY, told.clients, shape.script.format(rows=rows))
                pair = await _pair(load, job, told, number)
            if pair is not None:
                pairs.append(pair)
                say(_line(shape, number, pair))
        await copies.forget()
        waits += _waits(shape, pairs)
        costs.append(_costs(shape, pairs, told))
    return "\n\n".join((page.table(WAITS, waits), page.table(COSTS, costs), _explained(told)))


async def _pair(load: Load, job: Job, told: Namespace, number: int) -> Pair | None:
    """Measure both slices, every other time in the other order.

    The rate is a share of what the machine can do at that time, not half an hour before.
    """
    os.sync()  # the disk is still busy with the copy of the table
    full = await load.flat_out(told.alone)
    rate = full * told.share

    async def without() -> Felt | None:
        await job.rest()
        return felt(await load.paced(told.slice, rate), warm_up=WARM_UP_SECONDS)

    if number % 2 == 0:
        alone = await without()
        beside, copied = await _beside(load, job, told, rate)
    else:
        beside, copied = await _beside(load, job, told, rate)
        alone = await without()
    lasted = beside is not None and beside.seconds >= LASTED * (told.slice - WARM_UP_SECONDS)
    return Pair(alone, beside, copied, full) if alone and beside and lasted else None


async def _beside(load: Load, job: Job, told: Namespace, rate: float) -> tuple[Felt | None, float]:
    """Measure the slice with the job at work, as long as it was."""
    await job.go_on()
    began, rows = time.time(), await job.rows()
    log = await load.paced(told.slice, rate)
    ended = await job.ended() or time.time()
    copied = (await job.rows() - rows) / max(ended - began, 0.001)
    return felt(log, warm_up=WARM_UP_SECONDS, until=ended), copied


WAITS = ("table", "", "p50", "p99", "longest in a slice", "longest of all", "per second")
COSTS = (
    "table", "pairs", "rate of the load", "p99, times (at most 1.25x)", "longest, more (at most 100 ms)",
    "transactions beside it", "failed", "deadlocked", "rows/s copied",
)  # fmt: skip


def _waits(shape: Shape, pairs: list[Pair]) -> list[list[str]]:
    return [
        _felt(shape, "without", [pair.without for pair in pairs]),
        _felt(shape, "beside the copy", [pair.beside for pair in pairs]),
    ]


def _felt(shape: Shape, label: str, slices: list[Felt]) -> list[str]:
    def of(read: Callable[[Felt], float], spell: Callable[[float], str]) -> str:
        return page.quarters([read(each) for each in slices], spell)

    times = [of(attrgetter(name), page.millis) for name in ("p50", "p99", "longest")]
    of_all = page.millis(max(each.longest for each in slices)) if slices else page.NOTHING
    return [shape.name, label, *times, of_all, of(attrgetter("per_second"), page.count)]


def _costs(shape: Shape, pairs: list[Pair], told: Namespace) -> list[str]:
    if not pairs:
        return [shape.name, "0", *[page.NOTHING] * (len(COSTS) - 2)]
    ratios = [pair.beside.p99 / pair.without.p99 for pair in pairs]
    more = [pair.beside.longest - pair.without.longest for pair in pairs]
    full = median(pair.full for pair in pairs)
    return [
        shape.name,
        str(len(pairs)),
        f"{full * told.share:,.0f} of {full:,.0f} a second",
        _marked(page.quarters(ratios, page.times), missed=median(ratios) > P99_LIMIT),
        _marked(page.quarters(more, page.millis), missed=median(more) > LONGEST_LIMIT_SECONDS),
        page.count(sum(pair.beside.transactions for pair in pairs)),
        page.count(sum(pair.beside.failed for pair in pairs)),
        page.count(sum(pair.beside.deadlocked for pair in pairs)),
        page.quarters([pair.copied for pair in pairs], page.count),
    ]


def _marked(spelt: str, *, missed: bool) -> str:
    return f"**{spelt}**" if missed else spelt


def _line(shape: Shape, number: int, pair: Pair) -> str:
    both = (f"{page.millis(each.p99)}, {page.millis(each.longest)}" for each in (pair.without, pair.beside))
    return f"{shape.name}, pair {number + 1}: p99 and longest {' -> '.join(both)}; {pair.copied:,.0f} rows/s"


def _explained(told: Namespace) -> str:
    return (
        f"pgbench with {told.clients} clients reads a row by key and updates its old column, in one "
        f"transaction, paced to {told.share:.0%} of what it did alone before each pair, at random moments; "
        "a latency counts from when the transaction was due. `ec backfill` with 1 worker copies by itself in "
        f"one slice of a pair, and is paused through the ledger in the other; slices of {told.slice} s "
        f"in alternating order, {told.load_rows:,} rows (narrow twice as many, wide half) in a fresh "
        "copy for each pair. Medians, with the first and the third quartile; ratios and differences are of "
        "slices of the same pair. The table without a key "
        "has an index on what is asked for."
    )
