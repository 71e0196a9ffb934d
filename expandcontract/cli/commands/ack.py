"""`ec ack [CHANGE] GATE --reason TEXT`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.change_argument import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

Words = Annotated[
    list[str], typer.Argument(metavar="[CHANGE] GATE", help="The gate; the change may be left out.")
]
Reason = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help="Why; the ledger keeps it. [required]", show_default=False),
]


async def ack(session: Session, *, words: Words, reason: Reason = "") -> None:
    """Open a soft gate."""
    from expandcontract.engine.verbs import control

    change, gate = read(words)
    if not reason.strip():
        raise UsageError(
            f"Opening {gate} needs a reason.", next=f'ec ack {" ".join(words)} --reason "why this is right"'
        )
    await moved(session, None, change, lambda context, name: control.ack(context, name, gate, reason))


def read(words: list[str]) -> tuple[str | None, str]:
    """Return the change, if one is named, and the gate. Raises UsageError."""
    match words:
        case [gate]:
            return None, gate
        case [change, gate]:
            return change, gate
        case _:
            raise UsageError("Write at most one change, and one gate.", next="ec gates")


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    details = "It covers what was known when it was given: when more becomes known, the gate shuts again."
    return single(name, summary, command(ack, checkpoints=False), details)
