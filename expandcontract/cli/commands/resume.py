"""`ec resume [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved, moved_all
from expandcontract.cli.command import command
from expandcontract.cli.commands.pause import All
from expandcontract.cli.session import Session


async def resume(session: Session, *, change: options.Change = None, every: All = False) -> None:
    """Tell every worker, on every host."""
    from expandcontract.engine.verbs import control

    if every:
        await moved_all(session, change, control.resume_all)
        return
    await moved(session, None, change, control.resume)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "Every worker, on every host, hears it within a second."
    return single(name, summary, command(resume, checkpoints=False), details)
