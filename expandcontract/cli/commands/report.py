"""`ec report [CHANGE]`."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import recorded
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

Html = Annotated[bool, typer.Option("--html", help="A page of HTML that needs nothing else; fit for paper.")]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Write it there.", show_default=False),
]


async def report(
    session: Session, *, change: options.Change = None, html: Html = False, output: OutputFile = None
) -> None:
    """Write the record of a change on one page."""
    from expandcontract.cli.views.report import ReportView
    from expandcontract.engine.verbs import report as verb

    async with session.context() as context:
        name = change or await recorded(context, "report")
        if name is None:
            session.show_nothing("No changes yet.")
            return
        view = ReportView.of(*await verb.read(context, name))
    if html or not session.output.json:
        _write(session, view.html() if html else view.text(), output)
    else:
        _write(session, view.json_text(), output)


def _write(session: Session, text: str, output: Path | None) -> None:
    if output is None:
        session.output.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from error
    session.output.say(f"Written to {output}.")


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "Markdown, for the ticket or the auditor: plan, who, times, rows, proof, gates, waivers, locks. It "
        "comes from the ledger alone, also of a change that was purged or rolled back, and holds no values."
    )
    return single(name, summary, command(report, checkpoints=False), details)
