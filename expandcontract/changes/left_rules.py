"""`--without RULE`: rules of an old column that its new one does not get."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from expandcontract.changes.new_rules import OneRuled
from expandcontract.model.errors import NoSuchObject, UnsupportedShape
from expandcontract.model.names import parse_column, quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot

_WITHOUT = (
    "A CHECK, UNIQUE or foreign key of the old column that the new one does not get: --back keeps it for old "
    "code until contract"
)


class OneFreed(OneRuled):
    """What a new side of one column may be asked for, and what it is not to get."""

    without: list[str] = Field([], description=_WITHOUT, json_schema_extra={"last": True, "metavar": "RULE"})

    @property
    def ruled(self) -> bool:
        """Whether the new side has other rules than the old one."""
        return bool(self.without) or super().ruled

    def left(self) -> tuple[str, ...]:
        """Return the names of what it is not to get. Raises BadName."""
        return tuple(map(parse_column, self.without))


def examine(snapshot: Snapshot, column: Column, left: tuple[str, ...]) -> None:
    """Raise NoSuchObject for a name that is no rule of the column, UnsupportedShape for NOT NULL."""
    rules = tuple(dict.fromkeys(_rules(snapshot, column)))
    for name in left:
        if name in rules:
            continue
        if name in {column.not_null_name, "NOT NULL", "not null"} - {None}:
            raise UnsupportedShape(
                f"NOT NULL of {quote(column.name)} cannot be left behind.",
                why="An INSERT of new code that gives NULL cannot be told from one of old code.",
                next=f"ec start drop-not-null {snapshot.table}.{quote(column.name)}, before or after",
            )
        found = f"It has {', '.join(map(quote, rules))}." if rules else "It has none."
        raise NoSuchObject(
            f"{snapshot.table} has no CHECK, UNIQUE or foreign key {quote(name)} over {quote(column.name)}.",
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
