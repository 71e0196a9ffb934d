"""`ec metrics`."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import EcError, UsageError

TextFile = Annotated[
    Path | None,
    typer.Option(
        "--textfile",
        metavar="FILE",
        help="Write there, all at once, for node_exporter's textfile collector.",
        show_default=False,
    ),
]
#: Whoever collects the file is another user.
_READABLE = 0o644


async def metrics(session: Session, *, textfile: TextFile = None) -> None:
    """Write the series of the database."""
    from expandcontract.metrics import exposition, looking
    from expandcontract.metrics.watched import WatchedDatabase

    if session.output.json:
        raise UsageError(
            "ec metrics writes the text format of Prometheus, and no JSON.", next="ec status --json"
        )
    async with session.context() as context:
        name = context.database.address.database or ""
        try:
            watched = await looking.look(context, name)
        except EcError:
            # That it cannot be reached is what monitoring has to know first.
            _tell(session, exposition.text([WatchedDatabase(name, 0.0)]), textfile)
            raise
    _tell(session, exposition.text([watched]), textfile)


def _tell(session: Session, text: str, textfile: Path | None) -> None:
    if textfile is None:
        session.output.write(text)
    else:
        _replace(textfile, text)


def _replace(path: Path, text: str) -> None:
    """Let a file have a text as a whole: whoever reads it meanwhile finds the old one."""
    with NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
    ) as made:
        try:
            made.write(text)
            made.flush()
            os.fchmod(made.fileno(), _READABLE)
            Path(made.name).replace(path)
        except BaseException:
            Path(made.name).unlink(missing_ok=True)
            raise


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    return single(
        name,
        summary,
        command(metrics, checkpoints=False),
        "Only reads. A change that is purged, rolled back or finished leaves after a day.",
    )
