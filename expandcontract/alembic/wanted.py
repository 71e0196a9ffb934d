"""What autogenerate found, told as changes: what a kind of ours carries, what stays Alembic's, and what is
left for somebody to decide.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import ColumnClause

from expandcontract.model.names import quote

#: Stands for all columns of a table.
WHOLE = "*"


@dataclass(frozen=True)
class Wanted:
    """A change: its kind with its words and options, and why a comment says it is one.

    `contracts` says whether old code may fail from some moment on, so that a second revision contracts it.
    `names` are those of the model for the indexes and constraints that go with a column. No other open
    change may have what it `claims`, a table with a column each, and may claim what it `uses`. What it
    `brings` is there once it is begun. `rests` says that it is about what an earlier revision makes.
    """

    kind: str
    words: tuple[str, ...]
    why: str
    slug: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    contracts: bool = False
    claims: frozenset[tuple[str, str]] = frozenset()
    uses: frozenset[tuple[str, str]] = frozenset()
    brings: frozenset[tuple[str, str]] = frozenset()
    rests: bool = False

    def clashes(self, other: "Wanted") -> bool:
        """Say whether this and another one cannot be open at the same time."""
        return _meet(self.claims, other.claims | other.uses) or _meet(other.claims, self.uses)

    @property
    def said(self) -> str:
        """It in a few words, for a comment."""
        return f"{self.kind} {', '.join(self.words)}"


def _meet(some: Collection[tuple[str, str]], others: Collection[tuple[str, str]]) -> bool:
    return any(
        table == other and (WHOLE in (column, another) or column == another)
        for table, column in some
        for other, another in others
    )


@dataclass
class Sorted:
    """What becomes of the operations that Alembic found: those that stay, changes, and remarks, each a few
    lines. `later` are those on what a change stands in the way of, by its name.
    """

    stays: list[MigrateOperation] = field(default_factory=list)
    changes: list[Wanted] = field(default_factory=list)
    remarks: list[tuple[str, ...]] = field(default_factory=list)
    later: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def settled(self) -> None:
        """Put first what is done when it is ready: it stands in nobody's way then. Leave for later what is
        about a column that another change has until it is contracted, or only makes.
        """
        begun: list[Wanted] = []
        # An index that goes may wait for the one that comes in its place.
        for each in sorted(self.changes, key=lambda change: change.kind == "drop-index"):
            if each.contracts:
                self._take(each, next((other for other in begun if each.clashes(other)), None), begun)
        run: list[Wanted] = []
        for each in (change for change in self.changes if not change.contracts):
            self._take(each, next((other for other in begun if _meet(each.claims, other.brings)), None), run)
        self.changes = [*run, *begun]
        self._resting()

    def _resting(self) -> None:
        """Mark what is about a column, or an index's name, that only an earlier revision makes."""
        made = {each for change in self.changes if change.kind == "add-column" for each in change.claims}
        for each in self.stays:
            if isinstance(each, ops.CreateTableOp):
                made.add((qualified(each.schema, each.table_name), WHOLE))
            for operation in each.ops if isinstance(each, ops.ModifyTableOps) else ():
                if isinstance(operation, ops.AddColumnOp):
                    made.add((qualified(operation.schema, operation.table_name), str(operation.column.name)))
        self.changes = [
            each
            if each.kind == "add-column" or not _meet(each.claims | each.uses, made)
            else replace(each, rests=True)
            for each in self.changes
        ]

    def _take(self, change: Wanted, before: Wanted | None, taken: list[Wanted]) -> None:
        if before is None:
            taken.append(change)
            return
        self.later.setdefault(before.said, []).append(
            (
                f"Left for later: {change.said}.",
                f"It is about what {before.said} has until that is contracted: generate again then.",
            )
        )


def qualified(schema: str | None, name: str) -> str:
    """Return a table's name as a kind's word."""
    return ".".join(quote(each) for each in (schema, name) if each)


def elements(operation: Any) -> list[str]:  # noqa: ANN401 - of a constraint or an index
    """Return its columns and expressions, each as text."""
    return [_text(each) for each in _parts(operation)]


def columns(operation: Any) -> list[str]:  # noqa: ANN401 - of a constraint or an index
    """Return the columns of an index or constraint; of an expression every word, as any may be one."""
    found: list[str] = []
    for each in _parts(operation):
        found += [_text(each)] if _is_column(each) else re.findall(r"\w+", _text(each))
    return found


def _parts(operation: Any) -> Sequence[Any]:  # noqa: ANN401 - of a constraint or an index
    if isinstance(operation, ops.DropIndexOp | ops.DropConstraintOp):
        reverse = getattr(operation, "_reverse", None)
        return () if reverse is None else _parts(reverse)
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.local_cols
    if isinstance(operation, ops.CreateCheckConstraintOp):
        return (operation.condition,)
    parts: Sequence[Any] = getattr(operation, "columns", ())
    return parts


def _is_column(part: Any) -> bool:  # noqa: ANN401 - of a constraint or an index
    return isinstance(part, str | ColumnClause)


def _text(part: Any) -> str:  # noqa: ANN401 - of a constraint or an index
    return str(part.name if isinstance(part, ColumnClause) else part)
