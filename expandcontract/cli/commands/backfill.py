"""`ec backfill [CHANGE]`."""

from typing import Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError

NoVerify = Annotated[bool, typer.Option("--no-verify", help="Stop at ready; verify later with ec verify.")]
All = Annotated[bool, typer.Option("--all", help="Every change that is before ready, one after the other.")]


async def backfill(
    session: Session,
    *,
    change: options.Change = None,
    batch: options.Batch = None,
    workers: options.Workers = None,
    max_rate: options.MaxRate = None,
    max_runtime: options.MaxRuntime = None,
    no_verify: NoVerify = False,
    no_wait: options.NoWait = False,
    all_: All = False,
) -> None:
    """Copy, settle, verify."""
