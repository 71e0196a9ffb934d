"""`ec verify [CHANGE]`."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError
from expandcontract.model.phases import Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation

Repair = Annotated[
    bool, typer.Option("--repair", help="Fill rows that differ from the old side, and compare once more.")
]
Export = Annotated[
    str | None,
    typer.Option("--export", metavar="FILE", help="Every row that differs: FILE.csv or FILE.jsonl."),
]
Sample = Annotated[
    str | None, typer.Option("--sample", metavar="N", help="A quick look at N random blocks; no proof.")
]
Standing = Annotated[
    bool,
    typer.Option("--standing", help="Keep comparing: a CHECK until contract, which each write pays for."),
]


async def verify(
    session: Session,
    *,
    change: options.Change = None,
    show_values: options.ShowValues = False,
    repair: Repair = False,
    export: Export = None,
    sample: Sample = None,
    standing: Standing = False,
    workers: options.Workers = None,
    max_runtime: options.MaxRuntime = None,
) -> None:
    """Compare every row."""
    from expandcontract.cli.mismatch_file import written
    from expandcontract.engine.verbs import verify as verb

    blocks = parse.count("--sample", sample)
    if blocks is not None:
        if repair or standing or export is not None:
            raise UsageError("--sample only looks: it takes no --repair, --export or --standing.")
        await moved(session, Verb.VERIFY, change, lambda context, name: verb.look(context, name, blocks))
        return
    with ExitStack() as stack:
        sink = stack.enter_context(written(export, values=show_values)) if export is not None else None
        chosen = verb.VerifyOptions(
            workers=parse.count("--workers", workers) or 1,
            max_runtime=parse.duration("--max-runtime", max_runtime),
            naming=verb.Naming(show_values, sink),
            repair=repair,
            standing=standing,
        )

        async def act(context: "Context", name: str) -> "Situation":
            return await verb.verify(context, name, chosen)

        await moved(session, Verb.VERIFY, change, act)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(verify), "Exit 6 when two sides differ; ec backfill repairs them.")
