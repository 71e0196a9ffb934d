"""`ec purge [CHANGE]`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError
from expandcontract.model.phases import State, Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation

Yes = Annotated[bool, typer.Option("--yes", help="Drop the old side; the undo window is over.")]
Now = Annotated[bool, typer.Option("--now", help="Do not wait for the undo window; needs --confirm.")]
Due = Annotated[bool, typer.Option("--due", help="Every change whose undo window is over.")]


async def purge(
    session: Session,
    *,
    change: options.Change = None,
    yes: Yes = False,
    now: Now = False,
    confirm: options.Confirm = None,
    due: Due = False,
) -> None:
    """Drop a hidden old side for good."""
    from expandcontract.engine.verbs import purge as verb

    async def act(context: "Context", name: str) -> "Situation":
        return await verb.purge(context, name, yes=yes or due, now=now, confirm=confirm)

    if not due:
        await moved(session, Verb.PURGE, change, act)
        return
    if change or now or confirm:
        raise UsageError("--due takes every change whose window is over, and no name.", next="ec purge --due")
    async with session.context() as context:
        names = await _due(context)
        if not names:
            session.show_nothing("No change is hidden past its undo window.")
            return
        session.show_changes([await act(context, name) for name in names])


async def _due(context: "Context") -> list[str]:
    from expandcontract.engine.verbs import status

    return [
        found.name
        for found in await status.load(context)
        if found.state == State.HIDDEN
        and found.hidden_at is not None
        and found.since(found.hidden_at) >= found.policy.undo_window
    ]


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name, summary, command(purge), "The only command that destroys: there is no way back after it."
    )
