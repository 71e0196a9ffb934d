"""From what was written to a Change: a kind with its fields, or the name of a plan or of a change in the ledger."""

import difflib
from collections.abc import Callable
from typing import TypeVar

from expandcontract.cli.kinds import Asked, ChangeAsked, KindAsked, kind_names, neither, validated
from expandcontract.cli.session import Session
from expandcontract.model.change import Change
from expandcontract.model.errors import UnknownChange

T = TypeVar("T")
