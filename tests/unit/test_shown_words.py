"""What others wrote is shown, and never obeyed: no line is forged, no terminal gets a sequence, no value is
told unasked.
"""

import io
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from expandcontract.cli.output import Output
from expandcontract.cli.report.document import ReportSection, Table
from expandcontract.cli.talk.lines import Lines
from expandcontract.cli.views.error import ErrorView
from expandcontract.cli.views.format import table
from expandcontract.cli.views.log import LogView
from expandcontract.cli.views.report import ReportView
from expandcontract.ledger.reader import LogEntry
from expandcontract.model.errors import EcError
from expandcontract.model.events import Notice
from expandcontract.model.words import one_line, printable
from expandcontract.postgres.blockers import _blockers
from expandcontract.postgres.sqlstate import server_message, translate, values_shown

BAD = "eve\n2026-01-01 root  contract done\x1b[2J\x9b31m\u202e\r"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _harmless(text: str, lines: int) -> None:
    assert text.count("\n") == lines - 1
    assert not any(bad in text for bad in "\x1b\x9b\u202e\r")


def test_text_of_others_is_on_one_line() -> None:
    """Every control has an escape; what people write stays as it is."""
    _harmless(one_line(BAD), 1)
    assert one_line("Zoë, 東京 a\tb") == "Zoë, 東京 a\\tb"
    assert printable("a\n\tb\x1b") == "a\n\tb\\x1b"


def test_a_row_of_a_table_is_one_line() -> None:
    """Whatever a cell holds: a role, a key, a sentence."""
    _harmless("\n".join(table([("a", BAD), (BAD, "b")])), 2)


def test_the_log_has_a_line_for_each_entry() -> None:
    """Neither who it was, nor the role, nor what was told of it makes one more."""
    entries = [
        LogEntry(NOW, "phase", BAD, {"phase": BAD, "status": "done"}, BAD, BAD),
        LogEntry(NOW, "step", "", {"section": BAD, "step": BAD, "status": BAD, "error": BAD}),
    ]
    _harmless(LogView.of("0001_a", entries).text(), 3)


def test_an_error_begins_no_other_line_like_one() -> None:
    """The message is one line; what hangs below it is indented."""
    stream = io.StringIO()
    Output(json=False, stderr=stream, log_format="text").say_error(ErrorView.of(EcError(BAD, why=BAD)))
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert first.startswith("error[EC100]: eve\\n")
    assert all(line.startswith("  ") for line in rest)
    _harmless(stream.getvalue(), len(rest) + 2)


def test_a_logged_line_is_one_line() -> None:
    """Off a terminal every event is a line."""
    stream = io.StringIO()
    Lines(stream, lambda: 0.0)(Notice("0001_a", BAD))
    _harmless(stream.getvalue().rstrip("\n"), 1)


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_a_report_holds_text_and_nothing_else(form: str) -> None:
    """A cell stays a cell, also where it holds markup."""
    block = Table(head=("who",), rows=(("<script>|" + BAD,),))
    view = ReportView(change="0001_a", title="title", sections=(ReportSection(title="a", blocks=(block,)),))
    page = view.html() if form == "html" else view.text()
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "\n2026-01-01 root" not in page or form == "html"


def test_who_is_in_the_way_is_named_on_one_line() -> None:
    """A session's role and query are its own words."""
    (blocker,) = _blockers([(1, BAD, BAD, "active", timedelta(0), BAD, "client backend")])
    _harmless(str(blocker), 1)


@pytest.mark.parametrize(
    ("error", "hidden"),
    [
        (asyncpg.UniqueViolationError, True),
        (asyncpg.CheckViolationError, True),
        (asyncpg.DuplicateTableError, False),
    ],
)
def test_a_detail_with_values_is_told_only_when_asked_for(
    error: type[asyncpg.PostgresError], hidden: bool
) -> None:
    """The DETAIL of a duplicate key or a failing row holds values of rows; that of other errors does not."""
    raised = error("something failed")
    raised.detail, raised.hint = "Key (name)=(secret)", "a hint"
    assert ("secret" in server_message(raised)[1]) is not hidden
    assert ("secret" in translate(raised).why) is not hidden
    assert "a hint" in translate(raised).why
    token = values_shown.set(True)
    try:
        assert "secret" in translate(raised).why
    finally:
        values_shown.reset(token)
