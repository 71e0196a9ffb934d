"""What the demo's own bookkeeping must not miss."""

import io
import json

import pytest
from sqlalchemy.exc import SQLAlchemyError

from expandcontract.testing.demo.comparison import differences, newest
from expandcontract.testing.demo.report import DELETED, Report, Row, Statement, parse


def test_the_later_write_counts() -> None:
    """Both applications wrote a row: the higher version is what it must hold, whoever reports first."""
    old, new = Row(7, 3, "old"), Row(7, 4, "new")
    assert newest([old, new]) == newest([new, old]) == {7: new}


def test_a_deleted_row_stays_deleted() -> None:
    """Whatever was written before: the row is gone."""
    assert newest([Row(7, DELETED, None), Row(7, 9, "x")])[7].value is None


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (Row(7, 3, "a"), Row(7, 3, "b")),
        (Row(7, 3, "a"), Row(7, 2, "a")),
        (Row(7, 3, "a"), Row(7, 3, None)),
        (Row(7, 3, "a"), None),
        (Row(7, DELETED, None), Row(7, 3, "a")),
    ],
)
def test_every_loss_is_seen(expected: Row, found: Row | None) -> None:
    """Another value, an older one, none, no row, or a row that is back."""
    assert len(differences({7: expected}, {} if found is None else {7: found})) == 1


def test_what_is_right_is_no_difference() -> None:
    """The row as it was written, and no row where it was deleted."""
    assert differences({7: Row(7, 3, "a"), 8: Row(8, DELETED, None)}, {7: Row(7, 3, "a")}) == []


async def test_a_report_is_read_as_it_was_written() -> None:
    """Statements with their errors as they happen, rows with their last values at the end."""
    out = io.StringIO()
    report = Report(out)

    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise SQLAlchemyError('a "bad" thing')

    assert await report.timed("read", answer()) == 42
    with pytest.raises(SQLAlchemyError):
        await report.timed("update", fail())
    for row in (Row(1, 2, "später"), Row(1, 1, "früher"), Row(2, DELETED, None)):
        report.wrote(row)
    report.close()
    read, update, *rows = [parse(line.encode()) for line in out.getvalue().splitlines()]
    assert isinstance(read, Statement)
    assert (read.kind, read.error) == ("read", "")
    assert isinstance(update, Statement)
    assert (update.kind, update.error) == ("update", 'a "bad" thing')
    assert rows == [Row(1, 2, "später"), Row(2, DELETED, None)]


def test_a_lost_write_is_an_error() -> None:
    """An application that reads less than it wrote says so."""
    out = io.StringIO()
    Report(out).wrong(Row(1, 2, "a"), None)
    statement = parse(out.getvalue().encode())
    assert isinstance(statement, Statement)
    assert "read None" in statement.error


def test_other_lines_are_refused() -> None:
    """What is no report is not taken for one."""
    with pytest.raises(ValueError, match="not a line"):
        parse(json.dumps({"a": 1}).encode())
