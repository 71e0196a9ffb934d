"""`ec backfill [CHANGE]`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from expandcontract.cli import options, parse
from expandcontract.cli.build import single
from expandcontract.cli.chosen import moved
from expandcontract.cli.command import command
from expandcontract.cli.session import Session
from expandcontract.model.errors import UsageError
from expandcontract.model.phases import Verb

if TYPE_CHECKING:
    from expandcontract.engine.context import Context
    from expandcontract.model.situation import Situation
