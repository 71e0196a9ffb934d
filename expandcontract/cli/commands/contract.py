"""`ec contract [CHANGE]`."""

from typing import TYPE_CHECKING

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation


async def contract(session: Session, *, change: options.Change = None) -> None:
    """Ask the gates, then hide the old side."""
    from expandcontract.engine.verbs import contract as verb

    async def act(context: "Context", name: str) -> "Situation":
        await _say_gates(session, context, name)
        return await verb.contract(context, name)

    await moved(session, Verb.CONTRACT, change, act)


async def _say_gates(session: Session, context: "Context", name: str) -> None:
    from expandcontract import gates
    from expandcontract.cli.views.gates import GatesView
    from expandcontract.engine.verbs import status

    situation = await status.one(context, name)
    if situation.ready:
        session.output.say(GatesView.of(situation, gates.judge_all(situation)).listing())


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(contract), "Until purge, ec undo brings the old side back.")
