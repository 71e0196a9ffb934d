"""`ec status [CHANGE]`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from expandcontract.cli.views.status import StatusView
    from expandcontract.engine.context import Context

Watch = Annotated[bool, typer.Option("--watch", help="Draw anew every 2 seconds, until interrupted.")]
EVERY_SECONDS = 2.0
PENDING = 3
_CLEAR = "\033[H\033[2J"


async def status(
    session: Session, *, change: options.Change = None, watch: Watch = False, check: options.Check = False
) -> int:
    """Say where changes are."""
    async with session.context() as context:
        if watch:
            await _watch(session, context, change)
        view = await _view(context, change)
    session.show(view)
    return PENDING if check and view.pending else 0


async def _watch(session: Session, context: "Context", change: str | None) -> None:
    """Draw until the first signal, which stops this command at once."""
    while True:
        view = await _view(context, change)
        if session.output.json:
            session.output.write(view.json_line())
        else:
            clear = _CLEAR if session.output.stdout.isatty() else ""
            session.output.write(f"{clear}{view.text()}")
        await asyncio.sleep(EVERY_SECONDS)


async def _view(context: "Context", change: str | None) -> "StatusView":
    from expandcontract import gates
    from expandcontract.cli.views.status import StatusView
    from expandcontract.engine.verbs import status as verb

    found = await verb.load(context) if change is None else [await verb.one(context, change)]
    return StatusView.of(found, gates.judge_all)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(status, checkpoints=False))
