"""What an application feels of a copy, by how much of the machine it uses, and by who copies."""

from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median

from expandcontract.engine.sweep_rounds import SweepPace
from expandcontract.testing.server import Server
from instrument import page, pairs, peers
from instrument.copies import COPY, Copies, Subject
from instrument.job import paused
from instrument.measured import measure
from instrument.methods import Way, blocking, by_key, firing, nothing, sweep
from instrument.pairs import Copier, Pair
from instrument.pgbench_run import Load
from instrument.script import say
from instrument.tables import SHAPES

SHARES = (0.1, 0.4, 0.8)
HEAD = (
    "load", "beside it", "pairs", "p99 alone", "p99 beside", "p99, times", "longest, more",
    "rows/s", "times the idle time",
)  # fmt: skip


@dataclass(frozen=True)
class Beside:
    """Who copies: beside the load, and idle."""

    label: str
    copier: Callable[[Subject], AbstractAsyncContextManager[Copier]]
    idle: Way
    started: bool = False


WAYS = (
    Beside("ec backfill", paused, partial(sweep, pace=SweepPace(workers=1)), started=True),
    Beside("1,000 by primary key, trigger fires", peers.loop, by_key),
    Beside("one blocking UPDATE", peers.blocking, blocking),
)


async def run(server: Server, told: Namespace) -> str:
    """Measure each way beside each load, in turn."""
    copies = Copies(server)
    idle = [await _idle(copies, way, told) for way in WAYS]
    found: dict[tuple[float, str], list[Pair]] = {(share, way.label): [] for share in SHARES for way in WAYS}
    shape = SHAPES["middling"]
    for number in range(told.pairs):
        for share in SHARES:
            for way in WAYS:
                async with (
                    copies.fresh(shape, told.load_rows, started=way.started, loaded=True) as subject,
                    way.copier(subject) as copier,
                ):
                    load = Load(server, COPY, told.clients, shape.script.format(rows=told.load_rows))
                    pair = await pairs.measured(load, copier, told, share, number)
                if pair is not None:
                    found[share, way.label].append(pair)
                    say(
                        f"{share:.0%}, {way.label}: p99 {pair.p99_times:.2f} times, {pair.copied:,.0f} rows/s"
                    )
    rows = [
        _line(share, way, found[share, way.label], alone)
        for share in SHARES
        for way, alone in zip(WAYS, idle, strict=True)
    ]
    return f"{page.table(HEAD, rows)}\n\n{_explained(told)}"


async def _idle(copies: Copies, way: Beside, told: Namespace) -> float:
    """Return how many rows a second it copies with nothing beside it."""
    measured = []
    for _ in range(told.repeat):
        async with copies.fresh(SHAPES["middling"], told.load_rows, started=way.started) as subject:
            await (firing if way.idle is by_key else nothing)(subject)
            measured.append((await measure(subject, way.idle)).rows_per_second)
    say(f"idle, {way.label}: {median(measured):,.0f} rows/s")
    return median(measured)


def _line(share: float, way: Beside, found: list[Pair], idle: float) -> list[str]:
    return [
        f"{share:.0%}",
        way.label,
        str(len(found)),
        page.quarters([pair.without.p99 for pair in found], page.millis),
        page.quarters([pair.beside.p99 for pair in found], page.millis),
        page.quarters([pair.p99_times for pair in found], page.times),
        page.quarters([pair.longest_more for pair in found], page.millis),
        page.quarters([pair.copied for pair in found], page.count),
        page.quarters([idle / max(pair.copied, 1.0) for pair in found], page.times),
    ]


def _explained(told: Namespace) -> str:
    return (
        f"As above, of the middling table, {told.load_rows:,} rows; the load is paced to a share of what it "
        f"does alone before each pair. All ways in turn, {told.pairs} pairs of slices of {told.slice} s; the "
        "UPDATE is not paused, so that its slice ends with it. Idle times are those of each way by itself on "
        "this machine, just before."
    )
