"""`ec start KIND ARGS | CHANGE`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from typer.core import TyperGroup

from expandcontract.cli import options
from expandcontract.cli.kinds import Asked, group
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from expandcontract.cli.plan_argument import PlanTarget
    from expandcontract.engine.verbs.start import Consent


async def start(
    session: Session,
    *,
    asked: Asked,
    accept: options.Accept = None,
    acknowledge: options.Acknowledge = None,
    check_rows: options.CheckRows = False,
    once: options.Once = False,
) -> None:
    """Expand and dual_write."""
    from expandcontract.cli.plan_argument import keep_folder, wanted
    from expandcontract.engine.verbs import start as verb

    async with session.context() as context:
        found = await wanted(context, asked, session.phases)
        if found is None:
            session.show_nothing("No change is active.")
            return
        await keep_folder(context, found, session.phases)
        agreed = consent("start", session, found, accept, acknowledge, once=once)
        agreed = replace(agreed, check_rows=check_rows)
        session.show_changes([await verb.start(context, found.change, agreed)])


def consent(
    verb: str,
    session: Session,
    found: "PlanTarget",
    accept: str | None,
    acknowledge: list[str] | None,
    *,
    once: bool,
) -> "Consent":
    """Return what the operator agrees to: what lies in the change's folder was reviewed."""
    from expandcontract.cli.plan_argument import command
    from expandcontract.engine.verbs.start import Consent

    kept = found.reviewed
    return Consent(
        reviewed=kept.fingerprint if kept else None,
        folder=kept.folder if kept else None,
        accept=accept,
        acknowledged=frozenset(acknowledge or ()),
        once=once,
        again=command(verb, found, session.phases),
    )


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    details = "CHANGE is the name of a plan in phases/ or of a change in the ledger. Run again it goes on."
    return group(name, summary, start, details)
