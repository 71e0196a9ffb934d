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
    from collections.abc import Sequence

    from expandcontract.cli.views.status import StatusView
    from expandcontract.engine.context import Context
    from expandcontract.model.phases import Phase
    from expandcontract.model.situation import Situation

Watch = Annotated[
    bool, typer.Option("--watch", help="Look on, every second, until the phase that is under way ends.")
]
EVERY_SECONDS = 1.0
PENDING = 3


async def status(
    session: Session, *, change: options.Change = None, watch: Watch = False, check: options.Check = False
) -> int:
    """Say where changes are."""
    try:
        async with session.context() as context:
            view = await (_watch if watch else _once)(session, context, change)
    except asyncio.CancelledError:
        if watch and session.interruption.received is not None:
            return session.interruption.exit_code  # who looked on has seen enough: that is no error
        raise
    return PENDING if check and view.pending else 0


async def _once(session: Session, context: "Context", change: str | None) -> "StatusView":
    view = _view(await _look(context, change))
    session.show(view)
    return view


async def _watch(session: Session, context: "Context", change: str | None) -> "StatusView":
    """Show what others do until each phase that was seen running has ended; at once where nobody works."""
    from expandcontract.cli.talk.onlooker import onlooker

    seen: dict[str, Phase] = {}
    with onlooker(session.output) as show:
        while True:
            found = await _look(context, change)
            view = _view(found)
            show(found, view)
            if not _goes_on(found, seen):
                return view
            await asyncio.sleep(EVERY_SECONDS)


def _goes_on(found: "Sequence[Situation]", seen: "dict[str, Phase]") -> bool:
    """Return whether a phase that was seen running still is; note those that are."""
    from expandcontract.model.phases import Phase, Status

    running = {
        each.name: [phase for phase in Phase if each.phases[phase].status == Status.RUNNING] for each in found
    }
    for name, phases in running.items():
        if phases:
            seen.setdefault(name, phases[0])
    if seen:
        return any(phase in running.get(name, ()) for name, phase in seen.items())
    return any(holder.alive for each in found for holder in each.holders)


async def _look(context: "Context", change: str | None) -> "Sequence[Situation]":
    from expandcontract.engine.verbs import status as verb

    found = await verb.load(context) if change is None else [await verb.one(context, change)]
    return await verb.beside(context, found)


def _view(found: "Sequence[Situation]") -> "StatusView":
    from expandcontract import gates
    from expandcontract.cli.views.status import StatusView

    return StatusView.of(found, gates.judge_all)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(status, checkpoints=False))
