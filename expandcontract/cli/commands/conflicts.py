"""`ec conflicts [CHANGE]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import recorded
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

Export = Annotated[
    str | None, typer.Option("--export", metavar="FILE", help="Every value: FILE.csv or FILE.jsonl.")
]


async def conflicts(
    session: Session,
    *,
    change: options.Change = None,
    show_values: options.ShowValues = False,
    export: Export = None,
) -> None:
    """Show values that a side lost or could not hold."""
    from expandcontract.cli.conflict_file import exported
    from expandcontract.cli.views.conflicts import ConflictsView
    from expandcontract.engine.verbs import conflicts as verb

    async with session.context() as context:
        name = change or await recorded(context, "conflicts")
        if name is None:
            session.show_nothing("No changes yet.")
        elif export is not None:
            session.show(await exported(context, name, export, values=show_values))
        else:
            found = await verb.look(context, name)
            session.show(ConflictsView.of(name, found.counts, found.newest, values=show_values))


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "Each with its row, its writer and why. Nothing of it is ever deleted from the ledger."
    return single(name, summary, command(conflicts, checkpoints=False), details)
