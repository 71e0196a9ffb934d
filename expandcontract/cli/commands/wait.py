"""`ec wait [CHANGE] --for GOAL`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from datetime import timedelta

GOALS = ("ready", "contractable", "hidden")
Goal = Annotated[
    str, typer.Option("--for", metavar="|".join(GOALS), help="What to wait for.", show_default=False)
]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="D", help="Exit 5 after this time: 10min.")]


async def wait(
    session: Session,
    *,
    change: options.Change = None,
    goal: Goal = "ready",
    timeout: Timeout = None,  # noqa: ASYNC109 - the server is asked again and again, within this time
) -> None:
    """Wait until a change is where a deploy needs it."""
    from expandcontract.engine.verbs import wait as verb

    if goal not in GOALS:
        raise UsageError(f"--for {goal} is no goal.", why=f"The goals are {', '.join(GOALS)}.")
    limit: timedelta | None = parse.duration("--timeout", timeout)
    async with session.context() as context:
        session.show_changes([await verb.wait(context, change, goal, limit)])


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(wait, checkpoints=False), "For deploy pipelines; only reads.")
