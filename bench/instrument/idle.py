"""The ways to fill a column beside each other, on tables of five shapes, with nothing else to do."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from expandcontract.testing.server import Server
from instrument import page
from instrument.command import resident_bytes
from instrument.copies import Copies
from instrument.measured import Measured, measure
from instrument.methods import BLOCKING, METHODS, Method
from instrument.script import say
from instrument.tables import SHAPES, Shape

HEAD = ("table", "method", "rows/s", "heap", "indexes", "WAL a row", "HOT", "server CPU a row", "resident")


@dataclass(frozen=True)
class Target:
    """A cost beside that of the blocking UPDATE, and what it may be at most, by shape; `least`: at least."""

    label: str
    cost: Callable[[Measured], float | None]
    limits: dict[str, float]
    least: bool = False


TARGETS = (
    Target(
        "rows/s",
        attrgetter("rows_per_second"),
        {"middling": 1.3, "uuid": 2.0, "narrow": 1.25, "wide": 0.9},
        least=True,
    ),
    Target("heap growth", attrgetter("heap"), {"middling": 0.2, "uuid": 0.18, "narrow": 0.4, "wide": 0.25}),
    Target(
        "index growth", attrgetter("indexes"), {"middling": 0.08, "uuid": 0.05, "narrow": 0.15, "wide": 1.0}
    ),
    Target("WAL", attrgetter("wal"), {"middling": 0.62, "uuid": 0.51, "narrow": 0.68, "wide": 0.8}),
    Target("server CPU", attrgetter("cpu"), {}),
)


async def run(server: Server, told: Namespace) -> str:
    """Measure every way on every table."""
    found: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    resident: dict[tuple[str, str], int] = {}
    copies = Copies(server)
    for shape in _shapes(told):
        rows = int(told.rows * shape.scale)
        for number in range(told.repeat):
            for method in METHODS if number % 2 == 0 else reversed(METHODS):
                if shape.keyed or not method.keyed:
                    found[shape.name, method.label].append(await _once(copies, shape, rows, method))
        for method in METHODS:
            if method.workers:
                resident[shape.name, method.label] = await _resident(copies, shape, rows, method.workers)
        await copies.forget()
    return "\n\n".join((_costs(told, found, resident), _explained(told), _ratios(told, found)))


def _shapes(told: Namespace) -> list[Shape]:
    return [SHAPES[name] for name in told.tables]


async def _once(copies: Copies, shape: Shape, rows: int, method: Method) -> Measured:
    async with copies.fresh(shape, max(1, int(rows * method.share)), started=method.started) as subject:
        await method.prepare(subject)
        found = await measure(subject, method.fill)
    say(f"{shape.name}: {method.label}: {' | '.join(_cells([found]))}")
    return found


async def _resident(copies: Copies, shape: Shape, rows: int, workers: int) -> int:
    async with copies.fresh(shape, rows, started=True) as subject:
        return await resident_bytes(subject, "backfill", "--no-verify", "--workers", str(workers))


def _costs(
    told: Namespace, found: dict[tuple[str, str], list[Measured]], resident: dict[tuple[str, str], int]
) -> str:
    rows = []
    for shape in _shapes(told):
        for method in METHODS:
            key = shape.name, method.label
            runs, memory = found.get(key), resident.get(key)
            cells = _cells(runs) if runs else ["not without a key"] + [page.NOTHING] * 5
            rows.append([*key, *cells, f"{memory / 2**20:.0f} MB" if memory else page.NOTHING])
    return page.table(HEAD, rows)


def _cells(runs: list[Measured]) -> list[str]:
    return [
        page.middle([each.rows_per_second for each in runs], page.count, spread=True),
        page.middle([each.heap for each in runs], page.growth),
        page.middle([each.indexes for each in runs], page.growth),
        page.middle([each.wal for each in runs], page.size),
        page.middle([each.hot for each in runs], page.percent),
        page.middle([each.cpu for each in runs], page.micros, spread=True),
    ]


def _explained(told: Namespace) -> str:
    return (
        f"{told.rows:,} rows, of the wide table a fifth; medians of {told.repeat} runs in alternating "
        "order, with the least and the greatest. Each run has a fresh copy, frozen and analyzed, after "
        "a checkpoint. Growth is of what was there before; WAL has the full pages that follow a "
        "checkpoint. Commits wait for the disk: one of the UPDATE, one for each 1,000 rows of the "
        "loops; ours do not, but for one at the end of each chunk. The OFFSET loop gets a twentieth of "
        "the rows, as its time grows with their square. Rows and seconds of `ec backfill` are those of "
        "the ledger, for the copy stage; resident is the most memory of its process, to ready."
    )


def _ratios(told: Namespace, found: dict[tuple[str, str], list[Measured]]) -> str:
    shapes = [shape.name for shape in _shapes(told)]
    rows = []
    for method in METHODS:
        if method.workers:
            for target in TARGETS:
                cells = [
                    _ratio(
                        target, name, found[name, method.label], found[name, BLOCKING.label], method.workers
                    )
                    for name in shapes
                ]
                rows.append([method.label, target.label, *cells])
    note = "Against the blocking UPDATE, with what must be reached in brackets; what misses it is bold."
    return f"{note}\n\n{page.table(('', '', *shapes), rows)}"


def _ratio(target: Target, shape: str, ours: list[Measured], theirs: list[Measured], workers: int) -> str:
    mine, other = _typical(target, ours), _typical(target, theirs)
    if mine is None or not other:
        return page.NOTHING
    ratio, limit = mine / other, target.limits.get(shape)
    if limit is None or workers > 1:
        return page.times(ratio)
    missed = ratio < limit if target.least else ratio > limit
    spelt = f"**{page.times(ratio)}**" if missed else page.times(ratio)
    return f"{spelt} ({'at least' if target.least else 'at most'} {limit:g}x)"


def _typical(target: Target, runs: list[Measured]) -> float | None:
    costs = [cost for cost in map(target.cost, runs) if cost is not None]
    return median(costs) if costs else None
