"""`ec fleet plan KIND ARGS | CHANGE`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from expandcontract.cli import options, parse
from expandcontract.cli.kinds import Asked, ChangeAsked, KindAsked, group
from expandcontract.cli.session import Session
from expandcontract.model.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from expandcontract.cli.fleet.opened import Fleet
    from expandcontract.cli.views.fleet_plan import FleetPlanView
    from expandcontract.engine.context import Context
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.planning import Compiled
    from expandcontract.fleet.target import Target
    from expandcontract.model.change import Change

FORMATS = ("table", "json", "matrix", "indexes")
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="|".join(FORMATS), help="How it is shown. [table]", show_default=False),
]


async def plan(
    session: Session,
    *,
    asked: Asked,
    format_: Format = None,
    check: options.Check = False,
) -> int:
    """Compile on every target, and write one folder; with --check write nothing."""
    from expandcontract.cli.fleet.opened import read

    shape = parse.choice("--format", format_, FORMATS) or "table"
    fleet = await read(session)
    change = await _change(session, fleet, asked)
    view = await _planned(session, fleet, change, write=not check)
    match shape:
        case "json":
            session.output.write(view.json_text())
        case "matrix":
            session.output.write(view.matrix())
        case "indexes":
            session.output.write(view.indexes())
        case _:
            session.show(view)
    return view.exit_code


async def _change(session: Session, fleet: "Fleet", asked: Asked) -> "Change":
    """Return the change under the one name that it has on every target."""
    from expandcontract.engine import plan_files

    match asked:
        case ChangeAsked(name=str() as name):
            return plan_files.find(session.phases, name).change
        case ChangeAsked():
            raise UsageError("Say what is to be planned.", next="ec fleet plan --help")
        case KindAsked():
            return await _of_kind(session, fleet, asked)


async def _of_kind(session: Session, fleet: "Fleet", asked: KindAsked) -> "Change":
    """Return the change of that kind under a name that is free on every target."""
    from expandcontract.fleet import planning
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.running import Limits, on_each

    async def act(target: "Target") -> "Outcome[tuple[str, ...]]":
        async with fleet.open(target) as context:
            return Outcome(target, await planning.taken(context))

    # A target that does not answer here is told of when it is to compile.
    found = await on_each(fleet.targets, act, Limits(planning.AT_ONCE), session.interruption.stop)
    fields = asked.spec.model_dump(mode="json", exclude_defaults=True)
    taken = [name for each in found for name in each.answer or ()]
    return planning.named(asked.kind, fields, session.phases, taken)


async def _planned(session: Session, fleet: "Fleet", change: "Change", *, write: bool) -> "FleetPlanView":
    from expandcontract.cli.views.fleet_plan import FleetPlanView
    from expandcontract.fleet import index_file, planning
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.running import Limits, on_each

    earlier = index_file.find(session.phases, change.name)

    async def compiled(context: "Context", target: "Target") -> "Outcome[Compiled]":
        return Outcome(target, await planning.compiled(context, target, change, earlier))

    async def act(target: "Target") -> "Outcome[Compiled]":
        async with fleet.open(target) as context:
            return await compiled(context, target)

    found = await on_each(fleet.targets, act, Limits(planning.AT_ONCE), session.interruption.stop)
    if session.interruption.stop.is_set():
        raise Interrupted("Stopped on request.", next="Run the same command again.")
    place = {target.name: at for at, target in enumerate(fleet.targets)}
    found = tuple(sorted(found, key=lambda each: place[each.target.name]))
    groups = planning.grouped(found)
    index = planning.index(change.name, fleet.rounds, found)
    folder = None
    if write and groups:
        folder = planning.write(change, groups, session.phases, session.settings.ledger_schema)
        index_file.write(index, folder)
    return FleetPlanView.of(index, groups, found, None if folder is None else str(folder))


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    details = (
        "It writes phases/CHANGE: one file of SQL for each distinct plan, and fleet.json with the index of "
        "each target in its wave and the plan that was seen, with which ec fleet run compares."
    )
    return group(name, summary, plan, details)
