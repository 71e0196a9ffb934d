"""Whether the time per row depends on the batch, on the size of the table, or on statistics."""

from argparse import Namespace
from functools import partial

from expandcontract.engine.sweep_rounds import SweepPace
from expandcontract.testing.server import Server
from instrument import page
from instrument.command import resident_bytes
from instrument.copies import Copies, Subject
from instrument.measured import measure
from instrument.methods import sweep, swept
from instrument.script import say
from instrument.tables import MIDDLING

BATCHES = (None, 100, 500, 1_000, 5_000, 20_000)
#: Of ANALYZE and VACUUM nothing is left, as after pg_upgrade or a restored dump.
FORGET = """
SET allow_system_table_mods = on;
DELETE FROM pg_statistic WHERE starelid = 't'::regclass;
UPDATE pg_class SET reltuples = -1, relpages = 0, relallvisible = 0
WHERE oid = 't'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 't'::regclass)
"""


async def batches(server: Server, told: Namespace) -> str:
    """Measure fixed batches, and the one that adapts."""
    copies, rows = Copies(server), []
    found: dict[int | None, list[tuple[float, float | None]]] = {batch: [] for batch in BATCHES}
    for number in range(told.repeat):
        for batch in BATCHES if number % 2 == 0 else reversed(BATCHES):
            async with copies.fresh(MIDDLING, told.rows, started=True) as subject:
                run = await measure(subject, partial(sweep, pace=SweepPace(batch=batch)))
            found[batch].append((1e6 / run.rows_per_second, run.cpu))
            say(f"batch {batch}: {found[batch][-1][0]:.2f} us a row")
    await copies.forget()
    for batch, runs in found.items():
        seconds, cpu = zip(*runs, strict=True)
        cells = (page.middle(each, page.micros, spread=True) for each in (seconds, cpu))
        rows.append(["adaptive" if batch is None else f"{batch:,}", *cells])
    flat = _factor([min(seconds for seconds, _ in found[batch]) for batch in BATCHES])
    return (
        page.table(("batch", "a row", "server CPU a row"), rows)
        + f"\n\n{told.rows:,} middling rows, 1 worker, medians of {told.repeat} runs. "
        f"Between the best runs of the quickest and the slowest lies a factor of {flat} (at most 1.3)."
    )


async def sizes(server: Server, told: Namespace) -> str:
    """Measure tables of different sizes by `ec backfill --no-verify`, as a process of its own."""
    rows, times = [], []
    for size in told.sizes:
        copies = Copies(server)
        for analyzed in (True, False):
            found: list[tuple[float, int, int]] = []
            for _ in range(told.repeat if size <= told.rows else 1):
                async with copies.fresh(MIDDLING, size, started=True) as subject:
                    found.append(await _by_command(subject, analyzed=analyzed))
            micros, chunks, memory = (list(each) for each in zip(*found, strict=True))
            times.append(min(micros))
            megabytes = page.middle(memory, lambda size: f"{size / 2**20:.0f} MB")
            cells = [page.middle(micros, page.micros, spread=True), f"{chunks[0]:,}", megabytes]
            rows.append([f"{size:,}", "yes" if analyzed else "no", *cells])
        await copies.forget()
    return (
        page.table(("rows", "statistics", "a row", "rows of the ledger", "resident"), rows)
        + "\n\nMiddling rows, 1 worker. Between the quickest and the slowest lies a factor of "
        f"{_factor(times)} (at most 1.3)."
    )


async def _by_command(subject: Subject, *, analyzed: bool) -> tuple[float, int, int]:
    """Return microseconds a row, rows of the ledger, and memory."""
    if not analyzed:
        await subject.raw.execute(FORGET)
    memory = await resident_bytes(subject, "backfill", "--no-verify")
    found = await swept(subject, "copy")
    micros = 1e6 * found.seconds / subject.rows
    say(f"{subject.rows:,} rows, {'' if analyzed else 'not '}analyzed: {micros:.2f} us a row")
    return micros, found.chunks, memory


def _factor(values: list[float]) -> str:
    return f"{max(values) / min(values):.2f}"
