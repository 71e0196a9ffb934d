"""`ec restore [CHANGE]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import chosen, recorded
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb

Export = Annotated[
    str | None,
    typer.Option("--export", metavar="FILE", help="Only write the kept values: FILE.csv or FILE.jsonl."),
]


async def restore(session: Session, *, change: options.Change = None, export: Export = None) -> None:
    """Give kept values back."""
    from expandcontract.cli.conflict_file import exported
    from expandcontract.cli.views.conflicts import RestoreView
    from expandcontract.engine.verbs import restore as verb
    from expandcontract.ledger.conflict import ConflictKind

    async with session.context() as context:
        if export is not None:
            name = change or await recorded(context, "restore")
            if name is None:
                session.show_nothing("No changes yet.")
            else:
                session.show(await exported(context, name, export, ConflictKind.ONLY_NEW, values=True))
            return
        found = await chosen(context, session, Verb.RESTORE, change)
        if found is not None:
            given = await verb.restore(context, found.name)
            session.show(
                RestoreView(
                    change=found.name,
                    considered=given.considered,
                    written=given.written,
                    refused=given.refused,
                    left=given.left,
                )
            )


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "What only the new side held is kept at rollback. After another start, and backfill, it is written "
        "back to rows in which neither side has changed since. --export works in every state."
    )
    return single(name, summary, command(restore), details)
