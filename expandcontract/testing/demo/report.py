"""What an application reports: a line of JSON for each statement, and in the end for each row it wrote."""

import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TextIO, TypeVar

from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")

#: The version of a row that its writer has deleted: higher than any that an update makes.
DELETED = 2**31


@dataclass(frozen=True)
class Statement:
    """A statement as the application saw it: `started` in seconds since the epoch, `error` empty if none."""

    kind: str
    started: float
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Row:
    """The last value that the application wrote to a row, None when it deleted the row."""

    id: int
    version: int
    value: str | None


def parse(line: bytes) -> Statement | Row:
    """Read a line of the report."""
    match json.loads(line):
        case [str(kind), started, seconds, error]:
            return Statement(kind, started, seconds, error)
        case [int(number), version, value]:
            return Row(number, version, value)
        case other:
            raise ValueError(f"not a line of a report: {other!r}")


class Report:
    """Writes the lines, and knows what every row must hold that this application wrote last."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rows: dict[int, Row] = {}

    async def timed(self, kind: str, statement: Awaitable[T]) -> T:
        """Await a statement and report how long it took. Raises what it raises, reported as well."""
        started, begin, error = time.time(), time.perf_counter(), ""
        try:
            return await statement
        except SQLAlchemyError as failure:
            error = str(failure)
            raise
        finally:
            self._line(kind, started, time.perf_counter() - begin, error)

    def wrote(self, row: Row) -> None:
        """Note what was committed. The row's version tells which of two writes was the later one."""
        known = self._rows.get(row.id)
        if known is None or known.version < row.version:
            self._rows[row.id] = row

    def last(self, number: int) -> Row | None:
        """Return what this application wrote last to a row."""
        return self._rows.get(number)

    def wrong(self, expected: Row, found: Row | None) -> None:
        """Report that a row does not hold what this application wrote."""
        self._line("read", time.time(), 0.0, f"wrote {expected}, read {found}")

    def close(self) -> None:
        """Hand over what every row must hold."""
        for row in self._rows.values():
            self._line(row.id, row.version, row.value)
        self._out.flush()

    def _line(self, *fields: object) -> None:
        self._out.write(json.dumps(fields) + "\n")
