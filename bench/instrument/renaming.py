"""What pgbench's own transactions feel while a column of its accounts is renamed."""

import tempfile
from argparse import Namespace
from pathlib import Path

from expandcontract.testing.operator import Operator
from expandcontract.testing.pgbench import Outcome, rename_under_load
from expandcontract.testing.server import Server
from instrument import page

HEAD = ("phase", "lasted", "transactions", "per second", "p50", "p99", "longest")
#: A rate over a shorter time says nothing.
LONG_ENOUGH_SECONDS = 1.0


class WrongError(Exception):
    """A transaction failed, or a delta is not where it belongs."""


async def run(server: Server, told: Namespace) -> str:
    """Rename, and say what was felt. Raises WrongError."""
    with tempfile.TemporaryDirectory() as folder:
        operator = Operator(Path(folder), server.url())
        found = await rename_under_load(server, operator, Path(folder), told.scale, told.alone)
    if not found.good:
        raise WrongError(f"{found.failed} failed; sums: {found.sums}")
    return f"{page.table(HEAD, _phases(found))}\n\n{_summary(found)}"


def _phases(found: Outcome) -> list[list[str]]:
    rows = []
    for span in found.timeline.spans:
        seconds, felt = span.end - span.begin, found.latencies.get(span.name)
        cells = ["0", *[page.NOTHING] * 4]
        if felt is not None:
            rate = felt.statements / seconds if seconds > LONG_ENOUGH_SECONDS else None
            cells = [page.count(felt.statements), page.NOTHING if rate is None else page.count(rate)]
            cells += [page.millis(time) for time in (felt.p50, felt.p99, felt.longest)]
        rows.append([span.name, f"{seconds:.3f} s", *cells])
    return rows


def _summary(found: Outcome) -> str:
    backfill, verify = found.status["phases"]["backfill"], found.status["phases"]["verify"]
    rate = backfill["rows_written"] / backfill["copy_seconds"]
    sums = ", ".join(f"{name} {value:,}" for name, value in found.sums.items())
    compared = f"{found.compared_under_load:,} rows compared under load, {verify['rows_compared']:,} after it"
    written = f"{backfill['rows_written']:,} rows in {backfill['copy_seconds']:.1f} s"
    lines = (
        f"{found.transactions:,} transactions, {found.failed} failed.",
        f"Backfill: {written}, {rate:,.0f} rows/s, {backfill['hot_ratio']:.0%} of the updates HOT.",
        f"Verify: {compared}, {verify['mismatches']} mismatches.",
        f"Sums: {sums}.",
    )
    return "\n".join(f"    {line}" for line in lines)
