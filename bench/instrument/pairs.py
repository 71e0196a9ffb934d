"""Pairs of slices of a paced load: with something at work beside it, and without."""

import os
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import Protocol

from instrument.pgbench_run import Felt, Load, felt

#: The beginning of a slice does not count: sessions fill their caches.
WARM_UP_SECONDS = 0.5
#: A slice counts when what is beside it lasted for this share of it.
LASTED = 0.3


class Copier(Protocol):
    """What fills the column, and can be halted."""

    async def go_on(self) -> None:
        """Let it copy; return when it does."""

    async def rest(self) -> None:
        """Halt it; return when nothing is copied."""

    async def rows(self) -> int:
        """Return how many rows are copied."""

    async def ended(self) -> float | None:
        """Return when the copy ended, in seconds since the epoch."""


@dataclass(frozen=True)
class Pair:
    """Two slices on one copy of the table, how many rows a second were copied in one of them, and how many
    transactions a second the application did flat out just before, without anything beside it.
    """

    without: Felt
    beside: Felt
    copied: float
    full: float

    @property
    def p99_times(self) -> float:
        """How many times as long the 99th percentile is."""
        return self.beside.p99 / self.without.p99

    @property
    def longest_more(self) -> float:
        """By how much the longest transaction took longer, in seconds."""
        return self.beside.longest - self.without.longest


def options(parser: ArgumentParser) -> None:
    """Add what sections of pairs understand."""
    parser.add_argument("--load-rows", type=int, default=500_000, help="narrow twice as many, wide half")
    parser.add_argument("--pairs", type=int, default=20, help="of slices, for each line of a table")
    parser.add_argument("--slice", type=int, default=5, help="seconds")
    parser.add_argument(
        "--alone", type=int, default=2, help="seconds in which full speed is measured before each pair"
    )
    parser.add_argument("--clients", type=int, default=4)


async def measured(load: Load, copier: Copier, told: Namespace, share: float, number: int) -> Pair | None:
    """Measure both slices, every other time in the other order; None when the copy was over too soon.

    The rate is a share of what the machine can do at that time, not half an hour before.
    """
    os.sync()  # the disk is still busy with the copy of the table
    full = await load.flat_out(told.alone)
    rate = full * share

    async def without() -> Felt | None:
        await copier.rest()
        return felt(await load.paced(told.slice, rate), warm_up=WARM_UP_SECONDS)

    if number % 2 == 0:
        alone = await without()
        beside, copied = await _beside(load, copier, told, rate)
    else:
        beside, copied = await _beside(load, copier, told, rate)
        alone = await without()
    lasted = beside is not None and beside.seconds >= LASTED * (told.slice - WARM_UP_SECONDS)
    return Pair(alone, beside, copied, full) if alone and beside and lasted else None


async def _beside(load: Load, copier: Copier, told: Namespace, rate: float) -> tuple[Felt | None, float]:
    """Measure the slice with the copier at work, as long as it was."""
    await copier.go_on()
    began, rows = time.time(), await copier.rows()
    log = await load.paced(told.slice, rate)
    ended = await copier.ended() or time.time()
    copied = (await copier.rows() - rows) / max(ended - began, 0.001)
    return felt(log, warm_up=WARM_UP_SECONDS, until=ended), copied
