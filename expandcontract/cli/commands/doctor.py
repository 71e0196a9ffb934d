"""`ec doctor`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session

if TYPE_CHECKING:
    from expandcontract.engine.health import Finding

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
        view = DoctorView.of([*_settings(session), *mended, *await verb.examine(context)])
    session.show(view)
    return 0 if view.well else ATTENTION


def _settings(session: Session) -> Iterator["Finding"]:
    """Yield where each setting comes from, and which of a file are not used."""
    from expandcontract.engine.health import Finding
    from expandcontract.settings.settings import left_out, origins

    found = ", ".join(f"{name} from {origin}" for name, origin in origins(session.given))
    yield Finding("settings", True, f"{found or 'none is set'}; all others have their defaults.")
    for each in left_out():
        yield Finding(
            "settings",
            False,
            f"Not used: {each}.",
            "Set it in the environment, or take the file into your own hands: chown, chmod go-w",
        )


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(doctor),
        "Only reads, unless it is to repair. Exit 1 when something needs attention.",
    )
