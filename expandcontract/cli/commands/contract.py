"""`ec contract [CHANGE]`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError
from expandcontract.model.phases import Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation


Canary = Annotated[
    str | None,
    typer.Option(
        "--canary", metavar="D", help="Watch for this long, and undo when more is rolled back: 10min."
    ),
]


async def contract(session: Session, *, change: options.Change = None, canary: Canary = None) -> None:
    """Ask the gates, then hide the old side."""
    from expandcontract.engine.verbs import canary as watched
    from expandcontract.engine.verbs import contract as verb

    duration = parse.duration("--canary", canary)
    if duration is not None and not duration:
        raise UsageError("--canary 0 watches nothing.", next="ec contract --canary 10min")

    async def act(context: "Context", name: str) -> "Situation":
        await _say_gates(session, context, name)
        if duration is None:
            return await verb.contract(context, name)
        return await watched.contract_watched(context, name, duration)

    await moved(session, Verb.CONTRACT, change, act)


async def _say_gates(session: Session, context: "Context", name: str) -> None:
    from expandcontract import gates
    from expandcontract.cli.views.gates import GatesView
    from expandcontract.engine.verbs import status

    situation = await status.looked(context, await status.one(context, name))
    if situation.was_ready:
        view = GatesView.of(situation, gates.judge_all(situation))
        if session.output.form == "text":
            session.output.say(view.listing())
            return
        for gate in view.gates:
            said = {"change": view.change, "gate": gate.name, "is": gate.word, "next": gate.next or None}
            session.output.say(gate.reason, "gate", said)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "Until purge, ec undo brings the old side back. With --canary that is done by itself: when, since "
        "contract or in the last 30 s, more than 3 times as many transactions of the database were rolled "
        "back as before, and more than 10 beside one for each session."
    )
    return single(name, summary, command(contract), details)
