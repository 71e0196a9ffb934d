"""`ec pause [CHANGE]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved, moved_all
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

All = Annotated[
    bool,
    typer.Option("--all", help="Every change of the database, also of those to come."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; status shows it.")]
For = Annotated[
    str | None, typer.Option("--for", metavar="D", help="Go on by itself after this long: 30min.")
]


async def pause(
    session: Session,
    *,
    change: options.Change = None,
    every: All = False,
    reason: Reason = None,
    lasting: For = None,
) -> None:
    """Tell every worker, on every host."""
    from expandcontract.engine.verbs import control

    duration = parse.duration("--for", lasting)
    if every:
        await moved_all(
            session,
            change,
            lambda context: control.pause_all(context, why=reason, lasting=duration),
            "No change is active; those that are started now begin paused. ec resume --all ends that.",
        )
        return
    await moved(
        session,
        None,
        change,
        lambda context, name: control.pause(context, name, why=reason, lasting=duration),
    )


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "Every worker, on every host, hears it within a second. ec resume lets them go on."
    return single(name, summary, command(pause, checkpoints=False), details)
