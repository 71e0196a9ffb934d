"""`ec run KIND ARGS | CHANGE`."""

from dataclasses import replace
from typing import Annotated

import typer
from typer.core import TyperGroup

from expandcontract.cli import options
from expandcontract.cli.commands.backfill import pace
from expandcontract.cli.commands.start import consent
from expandcontract.cli.kinds import Asked, group
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

GOALS = ("proof", "contract")
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="|".join(GOALS), help="How far to go. [proof]", show_default=False),
]


async def run(
    session: Session,
    *,
    asked: Asked,
    until: Until = None,
    accept: options.Accept = None,
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
) -> None:
    """Start, backfill and verify; contract where it is asked for."""
    from expandcontract.cli.plan_argument import keep_folder, wanted
    from expandcontract.engine.verbs import run as verb

    if until not in (None, *GOALS):
        raise UsageError(f"--until {until} is no goal.", why=f"The goals are {', '.join(GOALS)}.")
    session = session.throttled(
        max_lag=max_lag, nice_ratio=nice_ratio, schedule=schedule, query=throttle_query, http=throttle_http
    )
    chosen = pace(batch, workers, max_rate, max_runtime, no_wait=no_wait)
    chosen = replace(chosen, user_triggers=not no_user_triggers)
    async with session.context() as context:
        found = await wanted(context, asked, session.phases)
        if found is None:
            session.show_nothing("No change is active.")
            return
        await keep_folder(context, found, session.phases)
        agreed = consent("run", session, found, accept, acknowledge, once=once)
        agreed = replace(agreed, check_rows=check_rows)
        done = await verb.run(context, found.change, agreed, chosen, until_contract=until == "contract")
        session.show_changes([done])


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    details = "CHANGE is the name of a plan in phases/ or of a change in the ledger. Run again it goes on."
    return group(name, summary, run, details)
