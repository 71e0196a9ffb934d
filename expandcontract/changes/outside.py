"""`--transform MODULE:NAME`: values that a Python function of the user makes, where SQL cannot."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from expandcontract.model.errors import BadExpression, UnsupportedShape
from expandcontract.model.names import quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.steps.row_function import RowFunction


def option(description: str) -> Any:  # noqa: ANN401 - as Field itself
    """Return the field of a spec."""
    return Field(
        None,
        description=description,
        pattern=r"^[^\W\d][\w.]*:[^\W\d]\w*$",
        json_schema_extra={"metavar": "MODULE:NAME"},
    )


def examine_type(type_: str) -> None:
    """Raise UnsupportedShape for a type of which no values can be handed over."""
    if type_.endswith("[]"):
        raise UnsupportedShape(
            f"--transform cannot make values of {type_}.",
            why="Values travel to the server as arrays, and an array of arrays is another thing there. "
            "Use jsonb, or a table of its own.",
        )


def examine_condition(where: RowFunction, columns: Sequence[Column]) -> None:
    """Raise BadExpression for a condition that would be as true of a row that was written as before."""
    if where.opaque or where.uses({column.name: True for column in columns}):
        return
    names = ", ".join(quote(column.name) for column in columns)
    raise BadExpression(
        f"--where says nothing of {names}: a row would match again once it was written.",
        why="How often such a row is written would depend on how often it is met.",
        next="in --where, what is no longer true of a row that was written",
    )
