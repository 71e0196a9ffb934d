"""Kinds by name: found by file name, loaded when used."""

import difflib
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from expandcontract.changes.kind import Kind

_FOLDER = "expandcontract.changes.kinds"


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds, without loading them."""
    names = (
        entry.name.removesuffix(".py")
        for entry in files(_FOLDER).iterdir()
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    )
    return tuple(sorted(name.replace("_", "-") for name in names))


@cache
def load(kind: str) -> "Kind[Any]":
    """Return the kind of that name. Raises UsageError with the nearest one."""
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), n=1)
        raise UsageError(
            f"There is no kind of change {kind!r}.",
            why=f"Did you mean {near[0]}?" if near else f"Kinds are {', '.join(kinds())}.",
        )
    found: Kind[Any] = import_module(f"{_FOLDER}.{kind.replace('-', '_')}").KIND
    return found
