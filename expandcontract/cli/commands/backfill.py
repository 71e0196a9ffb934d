"""`ec backfill [CHANGE]`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError
from expandcontract.model.phases import Stage, Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.engine.verbs.backfill import BackfillOptions
    from expandcontract.model.situation import Situation

ON_ERROR: tuple[Literal["stop"], Literal["skip"]] = ("stop", "skip")
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Stop at ready; ec verify compares later.")]
OnError = Annotated[
    str | None,
    typer.Option(
        "--on-error",
        metavar="stop|skip",
        help="What to do about a row for which --transform makes no value. [stop]",
        show_default=False,
    ),
]
ShowValues = Annotated[
    bool, typer.Option("--show-values", help="Tell the value of a row for which --transform fails.")
]
All = Annotated[bool, typer.Option("--all", help="Every change that is not ready yet, one after the other.")]


async def backfill(
    session: Session,
    *,
    change: options.Change = None,
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
    on_error: OnError = None,
    show_values: ShowValues = False,
    no_verify: NoVerify = False,
    no_wait: options.NoWait = False,
    every: All = False,
) -> None:
    """Copy the rows, settle the new side, verify."""
    from expandcontract.engine.verbs import backfill as verb

    session = session.throttled(
        max_lag=max_lag, nice_ratio=nice_ratio, schedule=schedule, query=throttle_query, http=throttle_http
    )
    chosen = pace(batch, workers, max_rate, max_runtime, no_wait=no_wait, no_verify=no_verify)
    chosen = replace(
        chosen,
        user_triggers=not no_user_triggers,
        on_error=parse.choice("--on-error", on_error, ON_ERROR) or "stop",
        show_values=show_values,
    )

    async def act(context: "Context", name: str) -> "Situation":
        return await verb.backfill(context, name, chosen)

    if not every:
        await moved(session, Verb.BACKFILL, change, act)
        return
    if change is not None:
        raise UsageError("--all takes no name.", next="ec backfill --all")
    async with session.context() as context:
        names = await _before_ready(context)
        if not names:
            session.show_nothing("No change is before ready.")
            return
        session.show_changes([await act(context, name) for name in names])


def pace(
    batch: str | None,
    workers: str | None,
    max_rate: str | None,
    max_runtime: str | None,
    *,
    no_wait: bool,
    no_verify: bool = False,
) -> "BackfillOptions":
    """Read how the backfill is to work. Raises UsageError that names the option."""
    from expandcontract.engine.verbs.backfill import BackfillOptions

    return BackfillOptions(
        batch=parse.count("--batch", batch),
        workers=parse.count("--workers", workers) or 1,
        max_rate=parse.rate("--max-rate", max_rate),
        max_runtime=parse.duration("--max-runtime", max_runtime),
        verify=not no_verify,
        wait_when_paused=not no_wait,
    )


async def _before_ready(context: "Context") -> list[str]:
    from expandcontract.engine.verbs import status

    return [found.name for found in await status.load(context) if found.stage == Stage.BEFORE_READY]


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "More workers, here or on other hosts, are the same command run again."
    return single(name, summary, command(backfill), details)
