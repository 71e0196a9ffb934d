"""`ec fleet status [CHANGE]`."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.fleet import choices
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from expandcontract.cli.fleet.opened import Fleet
    from expandcontract.cli.views.fleet_status import FleetStatusView

Watch = Annotated[bool, typer.Option("--watch", help="Look again and again until nobody is at work.")]
EVERY_SECONDS = 2.0
#: Between two looks it rests so many times as long as one took.
REST_RATIO = 4.0


async def status(
    session: Session,
    *,
    change: choices.MaybeChange = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
    watch: Watch = False,
) -> int:
    """Say where a change is."""
    from expandcontract.cli.fleet.opened import Selection, read

    try:
        fleet = await read(session, Selection.of(wave, target, match))
        await (_watched if watch else _once)(session, fleet, change)
    except asyncio.CancelledError:
        if watch and session.interruption.received is not None:
            return session.interruption.exit_code  # who looked on has seen enough: that is no error
        raise
    return 0


async def _once(session: Session, fleet: "Fleet", change: str | None) -> None:
    session.show(await _look(session, fleet, change))


async def _watched(session: Session, fleet: "Fleet", change: str | None) -> None:
    from expandcontract.cli.fleet.watching import watching

    with watching(session.output) as show:
        while True:
            began = time.monotonic()
            view = await _look(session, fleet, change)
            show(view)
            if not view.goes_on:
                return
            # A thousand new connections are not for every other second.
            await asyncio.sleep(max(EVERY_SECONDS, REST_RATIO * (time.monotonic() - began)))


async def _look(session: Session, fleet: "Fleet", change: str | None) -> "FleetStatusView":
    from expandcontract.cli.views.fleet_status import FleetStatusView
    from expandcontract.fleet.looking import look

    found = await look(
        fleet.targets,
        change,
        session.settings.ledger_schema,
        fleet.whereabouts,
        session.interruption.stop,
    )
    waves = {target.name: each.wave.name for each in fleet.rounds for target in each.targets}
    return FleetStatusView.of(found, waves)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "One question to each database. Programs get every target, the worst first."
    return single(name, summary, command(status, checkpoints=False), details)
