"""`ec.report/1`: one change from beginning to end, for the ticket or the auditor."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from expandcontract.cli.redaction import redact
from expandcontract.cli.report import html, markdown
from expandcontract.cli.report.compose import compose
from expandcontract.cli.report.document import ReportSection
from expandcontract.cli.views.view import View
from expandcontract.ledger.history import History
from expandcontract.model.words import printable


class ReportView(View):
    """The record of one change: what was planned, who did what when, what proved it, what it cost others.

    The sections are made to be read; programs find the same facts in `ec.status/1` and `ec.log/1`.
    """

    schema_: Literal["ec.report/1"] = Field("ec.report/1", alias="schema")
    change: str
    title: str
    sections: tuple[ReportSection, ...]

    @classmethod
    def of(cls, history: History, files: Mapping[str, str]) -> Self:
        """Compose it; `files` is the plan's SQL by the name of its list of steps."""
        title = f"Report of {history.name}"
        return cls(change=history.name, title=title, sections=compose(history, files))

    def text(self) -> str:
        """Return it as Markdown."""
        return printable(redact(markdown.render(self.title, self.sections)))

    def html(self) -> str:
        """Return it as a page of HTML that needs nothing else."""
        return printable(redact(html.render(self.title, self.sections)))
