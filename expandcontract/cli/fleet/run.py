"""`ec fleet run CHANGE` and `ec fleet contract CHANGE`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.commands.backfill import pace
from expandcontract.cli.fleet import choices
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from expandcontract.engine.context import Context
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.fleet.target import Target
    from expandcontract.model.situation import Situation

GOALS = ("ready", "proof", "contract")
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="|".join(GOALS), help="How far to go. [proof]", show_default=False),
]
Unseen = Annotated[
    bool, typer.Option("--unseen", help="Go on with plans that ec fleet plan has not written.")
]


async def run(
    session: Session,
    *,
    change: choices.Change,
    until: Until = None,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
    unseen: Unseen = False,
    acknowledge: options.Acknowledge = None,
    check_rows: options.CheckRows = False,
    once: options.Once = False,
    batch: options.Batch = None,
    workers: options.Workers = None,
    max_rate: options.MaxRate = None,
    max_runtime: options.MaxRuntime = None,
    max_lag: options.MaxLag = None,
    nice_ratio: options.NiceRatio = None,
    schedule: options.Schedule = None,
    throttle_query: options.ThrottleQuery = None,
    throttle_http: options.ThrottleHttp = None,
    no_user_triggers: options.NoUserTriggers = False,
    no_wait: options.NoWait = False,
) -> int:
    """Start, backfill and verify on each target; contract where it is asked for."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.cli.fleet.rolled import check, roll
    from expandcontract.engine import plan_files
    from expandcontract.fleet import index_file
    from expandcontract.fleet.advancing import Errand, Goal, advance, reached_at

    goal = Goal(parse.choice("--until", until, GOALS) or "proof")
    session = session.throttled(
        max_lag=max_lag, nice_ratio=nice_ratio, schedule=schedule, query=throttle_query, http=throttle_http
    )
    chosen = pace(batch, workers, max_rate, max_runtime, no_wait=no_wait)
    kept = plan_files.find(session.phases, change)
    errand = Errand(
        change=kept.change,
        goal=goal,
        options=replace(chosen, user_triggers=not no_user_triggers),
        index=None if unseen else index_file.find(session.phases, change),
        acknowledged=frozenset(acknowledge or ()),
        once=once,
        check_rows=check_rows,
    )
    fleet = await read(session, Selection.of(wave, target, match))
    await check(fleet)

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        return await advance(context, target, errand)

    return await roll(session, fleet, change, act, lambda situation: reached_at(situation, goal))


async def contract(
    session: Session,
    *,
    change: choices.Change,
    wave: choices.Wave = None,
    target: choices.Targets = None,
    match: choices.Matching = None,
) -> int:
    """Ask the gates of each target, then hide the old side."""
    from expandcontract.cli.fleet.opened import Selection, read
    from expandcontract.cli.fleet.rolled import check, roll
    from expandcontract.engine.verbs import contract as verb
    from expandcontract.fleet.outcome import Outcome
    from expandcontract.model.phases import Stage

    fleet = await read(session, Selection.of(wave, target, match))
    await check(fleet)

    async def act(context: "Context", target: "Target") -> "Outcome[Situation]":
        done = await verb.contract(context, target.key(change))
        return Outcome(target, done)

    def since(situation: "Situation") -> "datetime | None":
        return situation.hidden_at if situation.stage == Stage.HIDDEN else None

    return await roll(session, fleet, change, act, since)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    verb = {"run": run, "contract": contract}[name]
    details = (
        "Of a wave no further target is begun with after max_failed; the next wave begins when it has "
        "soaked. Exit 6, 1, 4, 5 or 0: that of the worst target."
    )
    return single(name, summary, command(verb), details)
