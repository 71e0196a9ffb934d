"""`ec start KIND ARGS | CHANGE`."""

from typer.core import TyperGroup

from expandcontract.cli import options
from expandcontract.cli.kinds import Asked, group
from expandcontract.cli.session import Session


async def start(
    session: Session,
    *,
    asked: Asked,
    accept: options.Accept = None,
    once: options.Once = False,
    acknowledge: options.Acknowledge = None,
) -> None:
    """Expand and dual_write."""
    print(session.settings, asked, accept, once, acknowledge)


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    return group(
        name, summary, start, "CHANGE is the name of a plan in phases/ or of a change in the ledger."
    )
