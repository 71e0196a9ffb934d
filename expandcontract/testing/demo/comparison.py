"""Every row of the table against what the applications wrote last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.testing.demo import table
from expandcontract.testing.demo.report import DELETED, Row

#: Rows that are fetched at once.
BATCH = 5000


@dataclass(frozen=True)
class Comparison:
    """What was compared, and what is wrong, as sentences."""

    written: int
    untouched: int
    wrong: tuple[str, ...]


def newest(rows: Iterable[Row]) -> dict[int, Row]:
    """Return what each row must hold. Both applications count its version up: the higher one came later."""
    found: dict[int, Row] = {}
    for row in rows:
        if row.id not in found or found[row.id].version < row.version:
            found[row.id] = row
    return found


def differences(expected: Mapping[int, Row], found: Mapping[int, Row]) -> list[str]:
    """Say where the table differs from what was written."""
    wrong = []
    for number, row in expected.items():
        there = found.get(number)
        if row.version == DELETED and there is not None:
            wrong.append(f"user {number} was deleted, and is there")
        elif row.version != DELETED and there != row:
            wrong.append(f"user {number}: wrote {row}, found {there}")
    return wrong


async def compare(connection: AsyncConnection, rows: Iterable[Row], seeded: int) -> Comparison:
    """Compare every row of the table: those that were written, those that were not, and their number."""
    expected = newest(rows)
    wrong = differences(expected, await _fetch(connection, list(expected)))
    counts = (await connection.exec_driver_sql(table.UNTOUCHED)).mappings().one()
    if counts["changed"]:
        wrong.append(f"{counts['changed']} users whom nobody renamed have another name")
    there = seeded + sum(number > seeded and row.version != DELETED for number, row in expected.items())
    if counts["total"] != there:
        wrong.append(f"{counts['total']} users instead of {there}")
    return Comparison(len(expected), counts["untouched"], tuple(wrong))


async def _fetch(connection: AsyncConnection, numbers: list[int]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for begin in range(0, len(numbers), BATCH):
        rows = await connection.exec_driver_sql(table.WRITTEN, (numbers[begin : begin + BATCH],))
        found |= {row["id"]: Row(**row) for row in rows.mappings()}
    return found
