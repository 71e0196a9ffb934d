"""The last screen of the demo."""

from rich import box
from rich.console import Console
from rich.table import Table

from expandcontract.testing.demo.apps import App
from expandcontract.testing.demo.found import Found
from expandcontract.testing.timeline import Latencies

#: Errors and rows that are shown in full.
SHOWN = 5


def show(console: Console, found: Found) -> None:
    """Print what the applications felt, what the change cost, and whether every row is right."""
    console.print()
    console.print(_felt(found))
    for line in _facts(found):
        console.print(line, highlight=False, soft_wrap=True)
    for trouble in _troubles(found):
        console.print(trouble, style="red", highlight=False, markup=False, soft_wrap=True)
    verdict = "[bold green]Everything is as it must be." if found.good else "[bold red]Something went wrong."
    console.print(f"{verdict}[/] {found.seconds:.0f} s after set-up.", highlight=False)


def _felt(found: Found) -> Table:
    table = Table(
        title="What the applications felt (milliseconds)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("phase", no_wrap=True)
    for heading in ("lasted", "app", "statements", "errors", "p50", "p99", "longest"):
        table.add_column(heading, justify="left" if heading == "app" else "right")
    by_app = [(app.name, _latencies(found, app)) for app in found.apps]
    for span in found.timeline.spans:
        first = (span.name, f"{span.end - span.begin:.2f} s")
        for name, latencies in by_app:
            if span.name in latencies:
                table.add_row(*first, name.removesuffix("_app"), *_cells(latencies[span.name]))
                first = ("", "")
    return table


def _latencies(found: Found, app: App) -> dict[str, Latencies]:
    failed = [(error.started, error.seconds) for error in app.errors]
    return found.timeline.latencies(zip(app.started, app.seconds, strict=True), failed)


def _cells(latencies: Latencies) -> tuple[str, ...]:
    times = (latencies.p50, latencies.p99, latencies.longest)
    return (f"{latencies.statements:,}", str(latencies.errors), *(f"{1000 * time:.1f}" for time in times))


def _facts(found: Found) -> tuple[str, ...]:
    return (_backfill(found), _sizes(found), _verify(found), _own_record(found))


def _backfill(found: Found) -> str:
    phase = found.status["phases"]["backfill"]
    rate = phase["rows_written"] / max(phase["copy_seconds"], 0.001)
    hot = "" if phase["hot_ratio"] is None else f", {phase['hot_ratio']:.0%} of the updates HOT"
    return (
        f"Backfill: {phase['rows_written']:,} rows in {phase['copy_seconds']:.1f} s, {rate:,.0f} rows/s{hot}."
    )


def _sizes(found: Found) -> str:
    before, after = found.before, found.after
    heap, indexes = _growth(before.heap, after.heap), _growth(before.indexes, after.indexes)
    new = (after.all_indexes - after.indexes) / 2**20
    return f"Growth: heap {heap}; the indexes that were there {indexes}; the new one has {new:,.0f} MB."


def _verify(found: Found) -> str:
    phase = found.status["phases"]["verify"]
    return f"Verify: {phase['rows_compared']:,} rows compared, {phase['mismatches']:,} mismatches."


def _own_record(found: Found) -> str:
    compared = found.comparison
    rows = f"{compared.written:,} rows that they wrote, {compared.untouched:,} that nobody renamed"
    return f"What the applications know: {rows}; {len(compared.wrong):,} wrong."


def _growth(before: int, after: int) -> str:
    return f"{before / 2**20:,.0f} -> {after / 2**20:,.0f} MB ({after / before - 1:+.0%})"


def _troubles(found: Found) -> list[str]:
    errors = [
        f"{app.name}: {error.kind}: {error.error}" for app in found.apps for error in app.errors[:SHOWN]
    ]
    silent = [f"{app.name} wrote nothing, so that nothing was proven" for app in found.apps if not app.writes]
    return [*errors, *found.comparison.wrong[:SHOWN], *silent]
