"""`ec purge [CHANGE]`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import EcError, Interrupted, UsageError
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
        await _each(session, names, lambda name: act(context, name))


async def _each(session: Session, names: list[str], act: Callable[[str], Awaitable["Situation"]]) -> None:
    """Purge one after the other; one that cannot be is said at the end, and keeps no other from it."""
    from expandcontract.cli.views.error import ErrorView

    done: list[Situation] = []
    failed: list[EcError] = []
    for name in names:
        try:
            done.append(await act(name))
        except Interrupted:
            raise
        except EcError as error:
            failed.append(error)
    if not failed:
        session.show_changes(done)
        return
    if done and not session.output.json:  # programs get one document, and then it is the error
        session.show_changes(done)
    for each in failed[:-1]:
        session.output.say_error(ErrorView.of(each))
    raise failed[-1]


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
