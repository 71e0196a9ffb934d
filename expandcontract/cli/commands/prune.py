"""`ec prune --older-than D [--dry-run]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import parse
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

OlderThan = Annotated[
    str | None,
    typer.Option("--older-than", metavar="D", help="What is older goes: 90d. [required]", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")]


async def prune(session: Session, *, older_than: OlderThan = None, dry_run: DryRun = False) -> None:
    """Delete what nothing rests on any more."""
    from expandcontract.cli.views.prune import PruneView
    from expandcontract.engine.verbs import prune as verb

    age = parse.duration("--older-than", older_than)
    if age is None:
        raise UsageError(
            "How old has to be said.",
            why="What is older goes for good.",
            next="ec prune --older-than 90d --dry-run",
        )
    async with session.context() as context:
        found = await verb.prune(context, age, dry_run=dry_run)
    session.show(PruneView(before=found.before, rows=found.rows, dry_run=dry_run))


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = (
        "Notes of old code, statements, instances and samples, and the history of purged changes. Nothing "
        "that an open change rests on; a change that could be taken back keeps its history."
    )
    return single(name, summary, command(prune), details)
