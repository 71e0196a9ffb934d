"""`ec log [CHANGE]`."""

from typing import TYPE_CHECKING

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from expandcontract.engine.context import Context


async def log(
    session: Session, *, change: options.Change = None, show_values: options.ShowValues = False
) -> None:
    """Show who did what."""
    from expandcontract.cli.views.log import LogView
    from expandcontract.engine.verbs import log as verb

    async with session.context() as context:
        name = change or await _only(context)
        if name is None:
            session.show_nothing("No change is in the ledger.")
            return
        session.show(LogView.of(name, await verb.read(context, name, show_values=show_values)))


async def _only(context: "Context") -> str | None:
    """Return the only change that is in the ledger. Raises AmbiguousChange."""
    from expandcontract.engine.verbs import status
    from expandcontract.model.errors import AmbiguousChange

    names = [found.name for found in await status.load(context)]
    if len(names) > 1:
        raise AmbiguousChange(
            "There is more than one change.", why=", ".join(names), next=f"ec log {names[-1]}"
        )
    return names[0] if names else None


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(log, checkpoints=False), "The ledger's history cannot be changed.")
