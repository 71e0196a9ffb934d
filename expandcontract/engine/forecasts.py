"""What a change will cost, before it begins: from statistics, so about. No row is counted."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.forecast import ROWS_A_SECOND, Forecast, TableSize
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.step import Concurrent, Deletion, Purpose, Step, Sweep, Transactional
from expandcontract.postgres import table_size

#: Of a table that is read from end to end.
BYTES_A_SECOND = 100 * 1024 * 1024
#: Beside the row itself: its header, and that of the record.
_WAL_A_ROW = 100
#: Of rows that are updated, how many leave their page, and get an entry in each index.
_MOVED = 0.2
_ENTRY = 64
#: By how much of itself the heap grows at most while rows are updated (docs/benchmarks.md).
_GROWTH = 0.5
#: An entry of an index of which nothing is known: a short value, and where the row lies.
_NEW_ENTRY = 32
#: Until the steps that are run before contract, and by it.
_COUNTED = (Section.EXPAND, Section.DUAL_WRITE, Section.BACKFILL, Section.VERIFY, Section.CONTRACT)


async def foretold(conn: AsyncConnection, plan: Plan) -> Plan:
    """Return the plan with its forecast, where anything in it takes time with the size of the table."""
    return replace(plan, forecast=forecast(plan, await table_size.of(conn, plan.table.sql)))


def narrowed(told: Forecast, share: float) -> Forecast:
    """Return the forecast where only this share of the rows is written."""
    written = round(told.written * share)
    minutes = (written / ROWS_A_SECOND + told.read / BYTES_A_SECOND) / 60
    return replace(
        told, written=written, wal=round(told.wal * share), disk=round(told.disk * share), minutes=minutes
    )


def forecast(plan: Plan, size: TableSize) -> Forecast | None:
    """Return the forecast; None for a plan in which nothing takes time with the table's size."""
    steps = [step for section in _COUNTED for step in plan.steps(section) if step.by_size]
    if not steps:
        return None
    written, read, wal, disk = (
        sum(each) for each in zip(*(_cost(step, size) for step in steps), strict=True)
    )
    minutes = (written / ROWS_A_SECOND + read / BYTES_A_SECOND) / 60
    return Forecast(size.rows, size.heap + size.indexes, written, read, wal, disk, minutes)


def _cost(step: Step, size: TableSize) -> tuple[int, int, int, int]:
    """Return rows that are written, and bytes that are read, of WAL and of disk."""
    rows, heap = size.about_rows, size.heap
    match step.action:
        case Deletion():
            return rows, heap, rows * _WAL_A_ROW, 0
        case Sweep(purpose=Purpose.COPY):
            entries = round(rows * _MOVED) * size.index_count * _ENTRY
            return rows, heap, heap + rows * _WAL_A_ROW + entries, round(heap * _GROWTH)
        case Concurrent(statement=statement) if "INDEX" in statement and not statement.startswith("DROP"):
            built = _index(size)
            return 0, 2 * heap, built, built
        case Transactional() | Sweep() | Concurrent():
            return 0, heap, 0, 0


def _index(size: TableSize) -> int:
    """Return the size of one more index: as large as those that are there, in the mean."""
    return size.indexes // size.index_count if size.index_count else size.about_rows * _NEW_ENTRY
