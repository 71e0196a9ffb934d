"""`ec fleet targets`."""

from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.fleet import choices
from expandcontract.cli.session import Session


async def targets(
    session: Session,
    *,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Say what the inventory resolves to."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.cli.views.fleet_targets import FleetTargetsView
    from expandcontract.fleet import probing

    fleet = await read(session, Selection.of(wave, target, match))
    found = await probing.look(fleet.open, fleet.targets, session.interruption.stop)
    view = FleetTargetsView.of(fleet.rounds, found, probing.twice(found))
    session.show(view)
    return view.exit_code


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "Two targets that are one database, standbys, databases that cannot be reached, and ledgers of "
        "another version are named; then the exit code is that of the worst."
    )
    return single(name, summary, command(targets, checkpoints=False), details)
