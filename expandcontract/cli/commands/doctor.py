"""`ec doctor`."""

from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

ATTENTION = 1


async def doctor(session: Session) -> int:
    """Examine the database and the changes in it."""
    from expandcontract.cli.views.doctor import DoctorView
    from expandcontract.engine.verbs import doctor as verb

    async with session.context() as context:
        view = DoctorView.of(await verb.examine(context))
    session.show(view)
    return 0 if view.well else ATTENTION


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(doctor, checkpoints=False),
        "Only reads. Exit 1 when something needs attention.",
    )
