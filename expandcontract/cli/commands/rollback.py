"""`ec rollback [CHANGE]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb

Discard = Annotated[
    bool, typer.Option("--discard", help="Do not keep what only the new side holds; needs --confirm.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Give back what --keep kept also to rows that were changed since."),
]


async def rollback(
    session: Session,
    *,
    change: options.Change = None,
    discard: Discard = False,
    confirm: options.Confirm = None,
    overwrite: Overwrite = False,
) -> None:
    """Remove what start added."""
    from expandcontract.engine.verbs import rollback as verb

    await moved(
        session,
        Verb.ROLLBACK,
        change,
        lambda context, name: verb.rollback(
            context, name, discard=discard, confirm=confirm, overwrite=overwrite
        ),
    )


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name, summary, command(rollback), "Values that only the new side holds are kept in the ledger."
    )
