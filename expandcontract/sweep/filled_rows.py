"""How computed values are written: in passes that keep updates HOT, and no row that was written meanwhile."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from expandcontract.ledger.chunk import Chunk
from expandcontract.model import killpoints
from expandcontract.model.errors import StepFailed
from expandcontract.postgres import sqlstate as codes
from expandcontract.sweep.brake import jittered
from expandcontract.sweep.line import Answer, Line
from expandcontract.sweep.shift import ChunkLost, Shift, TooSlow
from expandcontract.sweep.tempo import Tempo, Written
from expandcontract.sweep.transform_statements import TransformStatements
from expandcontract.transforms.outcome import Failed

#: Rows in a batch.
START, FLOOR, CEILING = 100, 10, 5_000
#: In how many transactions rows are written that lie densely: each finds the room that the one before made.
PASSES, DENSE = 8, 2
#: A row that does not get through its timeout in this many tries never will.
HOPELESS = 20
#: A row that a trigger does not let us write is tried this many times.
REFUSALS = 3


@dataclass(frozen=True)
class Unfilled:
    """A row as it was read. It is the same row, with the same values, while place and version are these."""

    place: tuple[int, int]
    version: int
    key: str
    old: Any


@dataclass(frozen=True)
class FilledRow:
    """A row with its new values, one for each column that is written."""

    row: Unfilled
    values: tuple[Any, ...]


@dataclass(frozen=True)
class RefusedRow:
    """A row without one."""

    row: Unfilled
    failed: Failed


#: A row that was written is not written once more: how often it was would depend on how often it was met.
_AGAIN = Failed("with what it made the row would match --where again")


class _Unwritable(Exception):
    """The column, a constraint or a trigger does not take a value."""


class Filling:
    """One worker's way of writing. Keeps its pace from batch to batch."""

    def __init__(self, shift: Shift, line: Line) -> None:
        self._shift = shift
        self._line = line
        self._tempo = Tempo(shift, START, FLOOR, CEILING)
        self._timeouts = self._refusals = 0

    async def write(
        self, chunk: Chunk, statements: TransformStatements, made: Sequence[FilledRow], behind: int | None
    ) -> tuple[int, list[RefusedRow]]:
        """Write rows, given in the order of their places; return how many, and which values are not taken.

        The checkpoint moves to the block `behind` them with the last of them, if all were written.
        Raises what `Shift.transact` raises, but TooSlow.
        """
        waiting = list(_shares(made, self._tempo.rows()))
        written, refused, sent = 0, list[RefusedRow](), 0
        while waiting:
            part = waiting.pop(0)
            whole = not refused and written == sent and not waiting
            try:
                count, bad = await self._halved(chunk, statements, part, behind if whole else None)
            except TooSlow as error:
                await self._slower(error, len(part))
                half = -(-len(part) // 2)
                waiting[:0] = [p for p in (part[:half], part[half:]) if p]
                continue
            written, sent = written + count, sent + len(part)
            refused += bad
        return written, refused

    async def _halved(
        self, chunk: Chunk, statements: TransformStatements, part: Sequence[FilledRow], behind: int | None
    ) -> tuple[int, list[RefusedRow]]:
        """Write rows in one transaction. Where a value is not taken, its row is found by halves."""
        try:
            return await self._write(chunk, statements, part, behind)
        except _Unwritable as error:
            if len(part) == 1:
                return 0, [RefusedRow(part[0].row, _failed(error))]
        half = len(part) // 2
        first, bad = await self._halved(chunk, statements, part[:half], None)
        second, worse = await self._halved(chunk, statements, part[half:], None)
        return first + second, bad + worse

    async def _write(
        self, chunk: Chunk, statements: TransformStatements, part: Sequence[FilledRow], behind: int | None
    ) -> tuple[int, list[RefusedRow]]:
        await self._tempo.wait(chunk)
        shift = self._shift
        places = [each.row.place for each in part]
        versions = [each.row.version for each in part]
        values = [list(column) for column in zip(*(each.values for each in part), strict=True)]
        blocks = (min(places)[0], 0), (max(places)[0] + 1, 0)
        lease = (chunk.id, chunk.token)
        killpoints.reach("copy.batch.before")
        started = time.monotonic()
        row = await self._run(
            chunk,
            statements.fill,
            (*lease, places, versions, *blocks, len(part), shift.throttled_by, behind, *values),
        )
        killpoints.reach("copy.batch.committed")
        self._tempo.wrote(Written.of(row, len(part), time.monotonic() - started))
        self._timeouts = 0
        shift.batch = len(part)
        self._require_written(chunk, row)
        again = set(row.get("again") or ())
        return int(row["written"]), [RefusedRow(each.row, _AGAIN) for each in part if each.row.place in again]

    async def _run(self, chunk: Chunk, statement: str, parameters: tuple[Any, ...]) -> Answer:
        try:
            row = await self._line.run(chunk, statement, parameters)
        except Exception as error:
            cause = error.__cause__ or error
            if codes.is_of_the_value(cause):
                raise _Unwritable from cause
            raise
        if row is None:
            raise ChunkLost
        return row

    def _require_written(self, chunk: Chunk, row: Answer) -> None:
        self._refusals = self._refusals + 1 if row["written"] < row["locked"] else 0
        if self._refusals > REFUSALS:
            raise StepFailed(
                f"{row['locked'] - row['written']} rows of {chunk.relation_name} cannot be written.",
                why="A BEFORE UPDATE trigger or a rule keeps the update from happening, without an error.",
                state="What was written so far is in the ledger.",
            )

    async def _slower(self, error: TooSlow, rows: int) -> None:
        """Write less at once. Raises StepFailed when that does not help any more."""
        self._tempo.halve(rows)
        self._timeouts += rows == 1
        if self._timeouts > HOPELESS:
            raise self._shift.too_slow("row") from error
        await self._shift.brake.rest(jittered(0.1))


def _shares(made: Sequence[FilledRow], most: int) -> Iterator[Sequence[FilledRow]]:
    """Divide rows evenly over each page, into parts of at most this many."""
    if not made:
        return
    blocks = made[-1].row.place[0] - made[0].row.place[0] + 1
    dense = len(made) >= blocks * DENSE
    parts = max(-(-len(made) // most), PASSES if dense else 1)
    yield from (share for at in range(parts) if (share := made[at::parts]))


def _failed(error: _Unwritable) -> Failed:
    """The server's words may hold the value; its code does not."""
    assert error.__cause__ is not None  # noqa: S101 - _run gave it one
    code = codes.sqlstate(error.__cause__)
    # The driver's own code, where it cannot even send the value.
    foreign = code in (None, "22000")
    kind = "a value of another type than the column's" if foreign else f"SQLSTATE {code}"
    return Failed(f"{kind} when it was written", codes.server_message(error.__cause__)[0])
