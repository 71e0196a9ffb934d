"""Rename a column of pgbench's accounts under pgbench's own load, and print what its transactions felt.

    python bench/pgbench.py [SCALE]

PostgreSQL's defaults hold, fsync included. The table is Markdown, for docs/benchmarks.md.
"""

import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from expandcontract.testing.operator import Operator
from expandcontract.testing.pgbench import Outcome, rename_under_load
from expandcontract.testing.server import Server

ALONE_SECONDS = 15.0


def main() -> int:
    """Run, print, and return 0 when no transaction failed and all sums are the same."""
    scale = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with Server.start(18) as server, tempfile.TemporaryDirectory() as name:
        operator = Operator(Path(name), server.url())
        found = asyncio.run(rename_under_load(server, operator, Path(name), scale, ALONE_SECONDS))
    print(
        f"PostgreSQL 18, {os.cpu_count()} cores ({platform.machine()}), scale {scale}, 4 clients, fsync on.\n"
    )
    show(found)
    return 0 if found.good else 1


def show(found: Outcome) -> None:
    """Print the table and what follows from it."""
    print("| phase | lasted | transactions | per second | p50 | p99 | longest |")
    print("|---|---|---|---|---|---|---|")
    for span in found.timeline.spans:
        seconds, felt = span.end - span.begin, found.latencies.get(span.name)
        if felt is None:
            print(f"| {span.name} | {seconds:.3f} s | 0 | | | | |")
            continue
        times = " | ".join(f"{1000 * time:.1f} ms" for time in (felt.p50, felt.p99, felt.longest))
        rate = f"{felt.statements / seconds:,.0f}" if seconds > 1 else ""
        print(f"| {span.name} | {seconds:.3f} s | {felt.statements:,} | {rate} | {times} |")
    backfill, verify = found.status["phases"]["backfill"], found.status["phases"]["verify"]
    rate = backfill["rows_written"] / backfill["copy_seconds"]
    print(f"\n{found.transactions:,} transactions, {found.failed} failed.")
    print(f"Backfill: {backfill['rows_written']:,} rows in {backfill['copy_seconds']:.1f} s,", end=" ")
    print(f"{rate:,.0f} rows/s, {backfill['hot_ratio']:.0%} of the updates HOT.")
    print(
        f"Verify: {found.compared_under_load:,} rows compared under load, {verify['rows_compared']:,}",
        end=" ",
    )
    print(f"after it, {verify['mismatches']} mismatches.")
    print("Sums: " + ", ".join(f"{name} {value:,}" for name, value in found.sums.items()) + ".")


if __name__ == "__main__":
    sys.exit(main())
