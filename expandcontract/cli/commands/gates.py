"""`ec gates [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import active
from expandcontract.cli.command import command
from expandcontract.cli.session import Session


async def gates(session: Session, *, change: options.Change = None) -> None:
    """Show the conditions of contract."""
    from expandcontract.cli.views.gates import GatesView
    from expandcontract.engine.verbs.status import looked
    from expandcontract.gates import judge_all

    async with session.context() as context:
        found = await active(context, session, change)
        found = None if found is None else await looked(context, found)
    if found is not None:
        session.show(GatesView.of(found, judge_all(found)))


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "A hard gate cannot be waived; a soft one opens with ec ack, with a reason that is kept."
    return single(name, summary, command(gates, checkpoints=False), details)
