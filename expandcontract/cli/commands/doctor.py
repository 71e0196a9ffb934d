"""`ec doctor`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

ATTENTION = 1

Repair = Annotated[
    bool, typer.Option("--repair", help="Put back what others dropped, disabled or replaced, and prove anew.")
]


async def doctor(session: Session, *, repair: Repair = False) -> int:
    """Examine the database and the changes in it."""
    from expandcontract.cli.views.doctor import DoctorView
    from expandcontract.engine.verbs import doctor as verb
    from expandcontract.engine.verbs import mend

    async with session.context() as context:
        mended = await mend.mend(context) if repair else ()
        view = DoctorView.of([*mended, *await verb.examine(context)])
    session.show(view)
    return 0 if view.well else ATTENTION


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(doctor),
        "Only reads, unless it is to repair. Exit 1 when something needs attention.",
    )
