"""What --into and --back say of a column: its name, perhaps its type, and what makes it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.model.errors import BadExpression
from expandcontract.model.names import parse_column, quote

_ASSIGNED = re.compile(r'\s*("(?:[^"]|"")+"|[^\s="]+)\s*([^=]*?)\s*=\s*(.+)', re.DOTALL)


@dataclass(frozen=True)
class Made:
    """A column, its type where somebody wrote one, and the expression as it was written."""

    name: str
    type: str
    expression: str


def require_made(texts: Sequence[str]) -> None:
    """Raise ValueError for a text that is not `NAME [TYPE] = EXPRESSION`."""
    for text in texts:
        if _ASSIGNED.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not NAME [TYPE] = EXPR")


def require_way_back(back: str | Sequence[str] | None, option: str, *, one_way: bool) -> None:
    """Raise ValueError unless just one is given: what leads back, by `option`, or that nothing does."""
    if (back is None or back == []) != one_way:
        raise ValueError(f"give either {option} or --one-way")


def made(text: str) -> Made:
    """Read `NAME [TYPE] = EXPRESSION`. Raises BadExpression, BadName."""
    match = _ASSIGNED.fullmatch(text)
    if match is None:
        raise BadExpression(f"{text!r} is not NAME [TYPE] = EXPR.")
    name, type_, expression = match.groups()
    return Made(parse_column(name), type_, expression)


def type_of(made_: Made, types: Sequence[str]) -> str:
    """Return the type of what is made of columns of these types. Raises BadExpression where none is said."""
    # With modifiers a value that is too long would be cut.
    if not made_.type and (len(set(types)) > 1 or "(" in types[0]):
        raise BadExpression(
            f"--into does not say of which type {quote(made_.name)} is.",
            why=f"The columns are {', '.join(types)}.",
            next=f"--into '{quote(made_.name)} text = ...'",
        )
    return made_.type or types[0]


def backs(texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Read `COLUMN = EXPRESSION` for each of several columns; none at all leads back to none of them. Raises
    BadExpression where one is missing, another one named, or one named twice.
    """
    found: dict[str, str] = {}
    for each in map(made, texts):
        if each.type:
            raise BadExpression(f"--back gives {quote(each.name)} a type, {each.type}, and it has one.")
        if each.name not in names:
            raise BadExpression(
                f"--back makes {quote(each.name)}, which is none of {', '.join(map(quote, names))}."
            )
        if each.name in found:
            raise BadExpression(f"--back makes {quote(each.name)} twice.")
        found[each.name] = each.expression
    missing = [quote(name) for name in names if name not in found]
    if found and missing:
        raise BadExpression(
            f"--back makes {', '.join(map(quote, found))}, and not {', '.join(missing)}.",
            why="Old code reads all of them, and undo brings all of them back.",
            next=f"--back '{missing[0]} = ...' as well, or --one-way in place of all",
        )
    return found
