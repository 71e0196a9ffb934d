"""Columns of the row that the expressions of a pair read beside its sides."""

from collections.abc import Sequence

from expandcontract.model.change import Read
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import quote
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Expression, Question


def reads(snapshot: Snapshot, expressions: Sequence[Expression]) -> tuple[Read, ...]:
    """Return the columns of neither side that any of the expressions reads, which lead to one side."""
    named = {name for each in expressions for name in each.reads}
    found = (each for each in snapshot.columns if each.name in named)
    return tuple(Read(each.name, each.type, each.plain_equality) for each in found)


def examine_shown(question: Question, read: tuple[Read, ...]) -> None:
    """Raise BadExpression where views would have to show what back makes of more than the new side."""
    if question.recreate_views and read:
        raise BadExpression(
            f"--back reads {', '.join(quote(each.column) for each in read)}, and --recreate-views has views "
            "show what it makes.",
            why="A view need not have those columns.",
            next="--back over the new side alone, or views that are made anew by hand",
        )
