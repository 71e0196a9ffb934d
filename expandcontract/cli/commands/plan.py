"""`ec plan KIND ARGS | CHANGE`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from expandcontract.cli import options
from expandcontract.cli.kinds import Asked, group
from expandcontract.cli.session import Session
from expandcontract.model.errors import PlanDrifted, UsageError
from expandcontract.model.phases import State

if TYPE_CHECKING:
    from expandcontract.cli.plan_argument import PlanTarget
    from expandcontract.engine.context import Context
    from expandcontract.model.plan import Plan

Sql = Annotated[bool, typer.Option("--sql", help="Print every statement instead, under its locks.")]
Catalog = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="FILE",
        help="Plan from what FILE holds, without a database; write it when it is missing.",
    ),
]
PENDING = 3


async def plan(
    session: Session,
    *,
    asked: Asked,
    sql: Sql = False,
    check: options.Check = False,
    check_rows: options.CheckRows = False,
    catalog: Catalog = None,
) -> int:
    """Compile a plan and write its folder; with --check write nothing."""
    from expandcontract.cli.plan_argument import wanted
    from expandcontract.engine.verbs.plan import look

    if catalog is not None and Path(catalog).exists():  # noqa: ASYNC240 - one stat
        _show(session, _from_file(session, asked, Path(catalog)), None, sql=sql, started=False)
        return 0
    async with session.context() as context:
        found = await wanted(context, asked, session.phases)
        if found is None:
            raise UsageError("Say what is to be planned.", next="ec plan --help")
        if catalog is not None:
            Path(catalog).write_text(await look(context, found.change), encoding="utf-8")  # noqa: ASYNC240 - small
        made, written = await _made(context, session, found, write=not check, check_rows=check_rows)
    _show(session, made, written, sql=sql, started=found.started)
    return PENDING if check and _pending(found) else 0


def _from_file(session: Session, asked: Asked, path: Path) -> "Plan":
    """Plan without a database: the folder of plans is all that is known of other changes."""
    from expandcontract.cli.plan_argument import asked_for
    from expandcontract.engine.verbs import plan as verb

    change = asked_for(asked, session.phases, ())
    if change is None:
        raise UsageError("Say what is to be planned.", next="ec plan --help")
    return verb.from_catalog(change, path.read_text(encoding="utf-8"), session.settings.ledger_schema)


async def _made(
    context: "Context", session: Session, found: "PlanTarget", *, write: bool, check_rows: bool
) -> tuple["Plan", str | None]:
    from expandcontract.engine.verbs import plan as verb

    if found.started and found.situation is not None:
        return found.situation.plan, None
    made = await verb.make(
        context, found.change, folder=session.phases if write else None, check_rows=check_rows
    )
    if not write:
        _require_reviewed(found, made, session.settings.ledger_schema)
    return made, str(session.phases / made.change.name) if write else None


def _require_reviewed(found: "PlanTarget", made: "Plan", ledger_schema: str) -> None:
    from expandcontract.engine import plan_files

    kept = found.reviewed
    if kept is not None and kept.fingerprint not in (None, made.fingerprint):
        raise PlanDrifted(
            f"{made.change.name} compiles to another plan than the one in {kept.folder}.",
            why=plan_files.difference(made, kept.folder, ledger_schema),
            next=f"ec plan {made.change.name}",
        )


def _show(session: Session, made: "Plan", written: str | None, *, sql: bool, started: bool) -> None:
    from expandcontract.cli.views.plan import PlanView
    from expandcontract.engine import plan_files

    schema = session.settings.ledger_schema
    if sql:
        files = plan_files.render(made, schema)
        session.output.write("\n".join(f"-- == {section} ==\n\n{text}" for section, text in files.items()))
    else:
        session.show(
            PlanView.of(made, lambda step: plan_files.statements(step, schema), written, started=started)
        )


def _pending(found: "PlanTarget") -> bool:
    return found.situation is None or found.situation.state in (State.ACTIVE, State.HIDDEN)


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    details = "CHANGE is the name of a plan in phases/, which is written anew, or of a change in the ledger."
    return group(name, summary, plan, details)
