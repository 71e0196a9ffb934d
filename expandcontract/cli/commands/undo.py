"""`ec undo [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb


async def undo(session: Session, *, change: options.Change = None) -> None:
    """Bring a hidden old side back."""
    from expandcontract.engine.verbs import undo as verb

    await moved(session, Verb.UNDO, change, verb.undo)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name, summary, command(undo), "Everything that new code wrote since is in the old side, too."
    )
