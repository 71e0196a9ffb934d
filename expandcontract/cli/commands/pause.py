"""`ec pause [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session


async def pause(session: Session, *, change: options.Change = None) -> None:
    """Tell every worker, on every host."""
    from expandcontract.engine.verbs import control

    await moved(session, None, change, control.pause)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "Every worker, on every host, hears it within a second."
    return single(name, summary, command(pause, checkpoints=False), details)
