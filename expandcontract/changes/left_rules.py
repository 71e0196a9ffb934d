"""`--without RULE`: rules of an old column that its new one does not get."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from expandcontract.changes.new_rules import OneRuled
from expandcontract.model.errors import NoSuchObject, UnsupportedShape
from expandcontract.model.names import parse_column, quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Judgement

_WITHOUT = (
    "A CHECK, UNIQUE, foreign key or NOT NULL of the old column that the new one does not get: --back keeps "
    "it for old code until contract"
)
_NOT_NULL = "NOT NULL"


class OneFreed(OneRuled):
    """What a new side of one column may be asked for, and what it is not to get."""

    without: list[str] = Field([], description=_WITHOUT, json_schema_extra={"last": True, "metavar": "RULE"})

    @property
    def ruled(self) -> bool:
        """Whether the new side has other rules than the old one."""
        return bool(self.without) or super().ruled

    def left(self) -> tuple[str, ...]:
        """Return the names of what it is not to get. Raises BadName."""
        return tuple(map(_parsed, self.without))


def _parsed(written: str) -> str:
    return _NOT_NULL if " ".join(written.upper().split()) == _NOT_NULL else parse_column(written)


def frees(column: Column, left: tuple[str, ...]) -> bool:
    """Whether NOT NULL of the column is among what is left behind."""
    return column.not_null and not {_NOT_NULL, column.not_null_name}.isdisjoint(left)


def examine(snapshot: Snapshot, column: Column, left: tuple[str, ...], judged: Judgement) -> None:
    """Raise NoSuchObject for a name that is no rule of the column, UnsupportedShape for NOT NULL where a NULL
    of new code could not be told from a row that is not filled.
    """
    rules = tuple(dict.fromkeys(_rules(snapshot, column)))
    if frees(column, left) and column.default_kind in {"opaque", "volatile"}:
        raise UnsupportedShape(
            f"NOT NULL of {quote(column.name)} cannot be left behind: its default varies.",
            why="A row in which new code gives NULL gets that until contract, and no trigger can tell.",
            next=f"ec start drop-not-null {snapshot.table}.{quote(column.name)}, before or after",
        )
    if frees(column, left) and not judged.null_returns:
        name = quote(column.name)
        raise UnsupportedShape(
            f"NOT NULL of {name} cannot be left behind: no value of it stands for NULL.",
            why=f"Where new code gives NULL, {name} holds what --back makes of it. Unless --using makes NULL "
            "of just that again, such a row counts as not filled yet, and the next sweep would fill it.",
            next="a value that old code does not use, such as ?: "
            f"--using \"nullif({name}, '?')\" --back \"coalesce(..., '?')\"",
        )
    for name in left:
        if name in rules or (column.not_null and name in {_NOT_NULL, column.not_null_name}):
            continue
        found = f"It has {', '.join(map(quote, rules))}." if rules else "It has none."
        raise NoSuchObject(
            f"{snapshot.table} has no CHECK, UNIQUE or foreign key {quote(name)} over {quote(column.name)}."
            if name != _NOT_NULL
            else f"{quote(column.name)} of {snapshot.table} is not NOT NULL.",
            why=found,
        )


def _rules(snapshot: Snapshot, column: Column) -> Iterator[str]:
    for each in snapshot.constraints:
        if each.kind in "cf" and not each.inbound and column.name in each.columns:
            yield each.name
    for index in snapshot.indexes:
        if index.unique and column.name in index.columns:
            yield index.name


def but(definitions: Mapping[str, str], left: tuple[str, ...]) -> dict[str, str]:
    """Return the definitions of what the new side gets."""
    return {name: text for name, text in definitions.items() if name not in left}
