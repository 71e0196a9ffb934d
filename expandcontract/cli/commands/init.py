"""`ec init`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

Sql = Annotated[bool, typer.Option("--sql", help="Print everything for a DBA instead; needs no database.")]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="ROLE", help="With --sql: the role that owns the ledger.")
]
App = Annotated[
    str | None, typer.Option("--app", metavar="ROLE", help="With --sql: the role of the application.")
]


async def init(session: Session, *, sql: Sql = False, owner: Owner = None, app: App = None) -> None:
    """Create the folder of plans and the ledger, or print the script that does."""
    from expandcontract.cli.views.init import InitView
    from expandcontract.engine.verbs import init as verb

    if sql:
        session.output.write(_script(session.settings.ledger_schema, owner, app))
        return
    if owner or app:
        raise UsageError("--owner and --app go with --sql.", next="ec init --sql --owner ROLE --app ROLE")
    async with session.context() as context:
        await verb.init(context)
    session.phases.mkdir(parents=True, exist_ok=True)
    session.show(InitView(ledger_schema=session.settings.ledger_schema, phases=str(session.phases)))


def _script(schema: str, owner: str | None, app: str | None) -> str:
    from expandcontract.engine.verbs import init as verb

    if not owner or not app:
        raise UsageError("--sql needs --owner and --app.", next="ec init --sql --owner ROLE --app ROLE")
    return verb.script(schema, owner, app)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(init), "Run again it changes nothing that is there.")
