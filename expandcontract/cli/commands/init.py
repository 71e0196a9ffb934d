"""`ec init`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.options import ConfigFile
from expandcontract.cli.session import Session
from expandcontract.cli.views.init import EnvFileView, InitView
from expandcontract.model.errors import UsageError

Sql = Annotated[bool, typer.Option("--sql", help="Print everything for a DBA instead; needs no database.")]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="ROLE", help="With --sql: the role that owns the ledger.")
]
App = Annotated[
    str | None, typer.Option("--app", metavar="ROLE", help="With --sql: the role of the application.")
]
Role = Annotated[
    str | None,
    typer.Option(
        "--role",
        metavar="DUTY[=ROLE]",
        help="With --sql: the grants of a worker, waiter, reader, controller or approver alone.",
    ),
]


_DETAILS = """Run again it changes nothing that is there.

In a repository with Alembic it prints what env.py needs; --write writes that."""
Write = Annotated[bool, typer.Option("--write", help="Put what ec needs into Alembic's env.py.")]


async def init(
    session: Session,
    *,
    sql: Sql = False,
    owner: Owner = None,
    app: App = None,
    role: Role = None,
    write: Write = False,
    config: ConfigFile = None,
) -> None:
    """Create the folder of plans and the ledger, or print the script that does; look at Alembic's env.py."""
    if sql:
        schema = session.settings.ledger_schema
        session.output.write(_grants(schema, role) if role else _script(schema, owner, app))
        return
    if owner or app or role:
        raise UsageError(
            "--owner, --app and --role go with --sql.", next="ec init --sql --owner ROLE --app ROLE"
        )
    env_file = _env_file(session, config, write=write)
    # Where Alembic is, its first change makes the ledger, and the database is named by env.py.
    ledger = env_file is None or session.settings.names_database
    if ledger:
        await _make(session)
    schema, phases = session.settings.ledger_schema, str(session.phases)
    session.show(InitView(ledger_schema=schema, phases=phases, ledger=ledger, env_file=env_file))


async def _make(session: Session) -> None:
    from expandcontract.engine.verbs import init as verb

    async with session.context() as context:
        await verb.init(context)
    session.phases.mkdir(parents=True, exist_ok=True)


def _env_file(session: Session, config: str | None, *, write: bool) -> EnvFileView | None:
    """Return what Alembic's env.py needs; None where there is no Alembic."""
    try:
        from expandcontract.alembic import env_setup
    except ImportError:
        found = None
    else:
        try:
            found = env_setup.look(config, write=write)
        except UsageError as error:
            if write or config:
                raise
            # An alembic.ini that leads nowhere is no reason to make no ledger.
            session.output.say(f"Alembic's env.py was not looked at: {error.message}")
            found = None
    if found is None and (write or config):
        raise UsageError(
            "There is no Alembic here whose env.py could be written.",
            why="It wants an alembic.ini or [tool.alembic] in pyproject.toml, and Alembic beside ec.",
        )
    return None if found is None else EnvFileView.of(found)


def _grants(schema: str, wanted: str) -> str:
    """Return the statements that give a role what its duty needs."""
    from expandcontract.ledger import rights

    duty, _, role = wanted.partition("=")
    named = [each for each in rights.DUTIES if each != "migrator"]
    if duty not in named:
        raise UsageError(
            f"--role {duty} is no duty.",
            why=f"There are: {', '.join(named)}. A migrator owns the ledger, as a member of its owner.",
            next="ec init --sql --role reader=ROLE",
        )
    return "\n".join(rights.grants(schema, duty, role or duty))


def _script(schema: str, owner: str | None, app: str | None) -> str:
    from expandcontract.engine.verbs import init as verb

    if not owner or not app:
        raise UsageError("--sql needs --owner and --app.", next="ec init --sql --owner ROLE --app ROLE")
    return verb.script(schema, owner, app)


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(name, summary, command(init), _DETAILS)
