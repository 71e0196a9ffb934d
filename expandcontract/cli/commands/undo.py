"""`ec undo [CHANGE]`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation


AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Go on although old code will miss values that are named.")
]


async def undo(session: Session, *, change: options.Change = None, accept_loss: AcceptLoss = False) -> None:
    """Bring a hidden old side back."""
    from expandcontract.engine.verbs import undo as verb

    async def act(context: "Context", name: str) -> "Situation":
        return await verb.undo(context, name, accept_loss=accept_loss)

    await moved(session, Verb.UNDO, change, act)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(undo),
        "What new code wrote since is on the old side, too; where it cannot be, undo says so first.",
    )
