"""`ec verify [CHANGE]`."""

from typer.core import TyperCommand

from expandcontract.cli import options
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.phases import Verb


async def verify(
    session: Session, *, change: options.Change = None, show_values: options.ShowValues = False
) -> None:
    """Compare every row."""
    from expandcontract.engine.verbs import verify as verb

    await moved(
        session,
        Verb.VERIFY,
        change,
        lambda context, name: verb.verify(context, name, show_values=show_values),
    )


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(verify), "Exit 6 when two sides differ; ec backfill repairs them.")
