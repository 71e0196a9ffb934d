"""What an application feels of the copy: slices of a paced load, the job at work or paused."""

from argparse import Namespace
from collections.abc import Callable
from operator import attrgetter
from statistics import median

from expandcontract.testing.server import Server
from instrument import page, pairs
from instrument.copies import COPY, Copies
from instrument.job import paused
from instrument.pairs import Pair
from instrument.pgbench_run import Felt, Load
from instrument.script import say
from instrument.tables import SHAPES, Shape

#: Of full speed that the load is paced to.
SHARE = 0.4
P99_LIMIT, LONGEST_LIMIT_SECONDS = 1.25, 0.1


async def run(server: Server, told: Namespace) -> str:
    """Measure the pairs of every table."""
    waits, costs = [], []
    for shape in (SHAPES[name] for name in told.tables):
        copies, rows = Copies(server), int(told.load_rows * shape.load_scale)
        found = []
        for number in range(told.pairs):
            async with (
                copies.fresh(shape, rows, started=True, loaded=True) as subject,
                paused(subject) as job,
            ):
                load = Load(server, COPY, told.clients, shape.script.format(rows=rows))
                pair = await pairs.measured(load, job, told, SHARE, number)
            if pair is not None:
                found.append(pair)
                say(_line(shape, number, pair))
        await copies.forget()
        waits += _waits(shape, found)
        costs.append(_costs(shape, found))
    return "\n\n".join((page.table(WAITS, waits), page.table(COSTS, costs), _explained(told)))


WAITS = ("table", "", "p50", "p99", "longest in a slice", "longest of all", "per second")
COSTS = (
    "table", "pairs", "rate of the load", "p99, times (at most 1.25x)", "longest, more (at most 100 ms)",
    "transactions beside it", "failed", "deadlocked", "rows/s copied",
)  # fmt: skip


def _waits(shape: Shape, found: list[Pair]) -> list[list[str]]:
    return [
        _felt(shape, "without", [pair.without for pair in found]),
        _felt(shape, "beside the copy", [pair.beside for pair in found]),
    ]


def _felt(shape: Shape, label: str, slices: list[Felt]) -> list[str]:
    def of(read: Callable[[Felt], float], spell: Callable[[float], str]) -> str:
        return page.quarters([read(each) for each in slices], spell)

    times = [of(attrgetter(name), page.millis) for name in ("p50", "p99", "longest")]
    of_all = page.millis(max(each.longest for each in slices)) if slices else page.NOTHING
    return [shape.name, label, *times, of_all, of(attrgetter("per_second"), page.count)]


def _costs(shape: Shape, found: list[Pair]) -> list[str]:
    if not found:
        return [shape.name, "0", *[page.NOTHING] * (len(COSTS) - 2)]
    ratios, more = [pair.p99_times for pair in found], [pair.longest_more for pair in found]
    full = median(pair.full for pair in found)
    return [
        shape.name,
        str(len(found)),
        f"{full * SHARE:,.0f} of {full:,.0f} a second",
        _marked(page.quarters(ratios, page.times), missed=median(ratios) > P99_LIMIT),
        _marked(page.quarters(more, page.millis), missed=median(more) > LONGEST_LIMIT_SECONDS),
        page.count(sum(pair.beside.transactions for pair in found)),
        page.count(sum(pair.beside.failed for pair in found)),
        page.count(sum(pair.beside.deadlocked for pair in found)),
        page.quarters([pair.copied for pair in found], page.count),
    ]


def _marked(spelt: str, *, missed: bool) -> str:
    return f"**{spelt}**" if missed else spelt


def _line(shape: Shape, number: int, pair: Pair) -> str:
    both = (f"{page.millis(each.p99)}, {page.millis(each.longest)}" for each in (pair.without, pair.beside))
    return f"{shape.name}, pair {number + 1}: p99 and longest {' -> '.join(both)}; {pair.copied:,.0f} rows/s"


def _explained(told: Namespace) -> str:
    return (
        f"pgbench with {told.clients} clients reads a row by key and updates its old column, in one "
        f"transaction, paced to {SHARE:.0%} of what it did alone before each pair, at random moments; "
        "a latency counts from when the transaction was due. `ec backfill` with 1 worker copies by itself in "
        f"one slice of a pair, and is paused through the ledger in the other; slices of {told.slice} s "
        f"in alternating order, {told.load_rows:,} rows (narrow twice as many, wide half) in a fresh "
        "copy for each pair. Medians, with the first and the third quartile; ratios and differences are of "
        "slices of the same pair. The table without a key "
        "has an index on what is asked for."
    )
