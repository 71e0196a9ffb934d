"""`ec log [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import recorded
from expandcontract.cli.command import command
from expandcontract.cli.session import Session


async def log(
    session: Session, *, change: options.Change = None, show_values: options.ShowValues = False
) -> None:
    """Show who did what."""
    from expandcontract.cli.views.log import LogView
    from expandcontract.engine.verbs import log as verb

    async with session.context() as context:
        name = change or await recorded(context, "log")
        if name is None:
            session.show_nothing("No changes yet.")
            return
        session.show(LogView.of(name, await verb.read(context, name, show_values=show_values)))


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(log, checkpoints=False), "The ledger's history cannot be changed.")
