"""What a Python function gets of a row, and which columns it makes: those of a row by their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg import Record

from expandcontract.model.names import split
from expandcontract.model.step import RowTransformation, Transformation


@dataclass(frozen=True)
class Named:
    """The names of the columns that are read and written; none where one value is made of one value."""

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


def named(action: Transformation) -> Named:
    """Return them."""
    if not isinstance(action, RowTransformation):
        return Named()
    read = tuple(split(column)[-1] for column in action.reads)
    return Named(read, tuple(split(column)[-1] for column, _ in action.writes))


def given(values: Sequence[Any], names: Sequence[str]) -> Any:  # noqa: ANN401 - what the driver read
    """Return what the function gets of values that were read: a mapping by their names, or the only one."""
    if not names:
        return values[0]
    return {name: _sendable(value) for name, value in zip(names, values, strict=True)}


def _sendable(value: object) -> object:
    """Return a value of a composite type as a mapping: the driver's own class goes to no other process."""
    if isinstance(value, Record):
        return {name: _sendable(each) for name, each in value.items()}
    return [_sendable(each) for each in value] if isinstance(value, list) else value
