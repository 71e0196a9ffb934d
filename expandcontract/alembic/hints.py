"""What models say of columns that had another name: `info={"renamed_from": ...}` and `__ec_renames__`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Column, MetaData, Table
from sqlalchemy.orm import mapperlib

from expandcontract.alembic.telling import failure
from expandcontract.model.errors import UsageError

#: In a column's `info`: what it was called.
HINT = "renamed_from"
#: On a model's class: what its columns were called, by their names now.
RENAMES = "__ec_renames__"

#: A table as Alembic's operations name it: without a schema where it lies in the default one.
Key: TypeAlias = tuple[str | None, str]


class Hints:
    """The hints of all models. `models` are their tables. With `compares_checks` Alembic compares CHECKs, by
    their names.
    """

    def __init__(
        self, metadata: Iterable[MetaData], default_schema: str | None, *, compares_checks: bool = False
    ) -> None:
        self._compares_checks = compares_checks
        self.models: dict[Key, Table] = {
            (None if table.schema == default_schema else table.schema, table.name): table
            for each in metadata
            for table in each.tables.values()
        }
        self._of_classes = dict(_of_classes(self.models))

    def checks(self, key: Key) -> list[CheckConstraint]:
        """Return the CHECKs of a table that have names, where those are compared."""
        table = self.models.get(key)
        if table is None or not self._compares_checks:
            return []
        return [each for each in table.constraints if isinstance(each, CheckConstraint) and each.name]

    def of(self, key: Key, column: Column[Any]) -> str | None:
        """Return what a column was called, as its model says; None where it says nothing.

        Raises CommandError where it says two things.
        """
        name = str(column.name)
        own, listed = column.info.get(HINT), self._of_classes.get(key, {}).get(name)
        if own is not None and listed is not None and own != listed:
            raise refused(
                key,
                f"{name} was called {own} by its info and {listed} by {RENAMES}.",
                "Leave one of the two hints out.",
            )
        return own if own is not None else listed

    def require_meant(self) -> None:
        """Raise CommandError for a hint to a name that the model still has, also where models and database
        have the same columns: two that swap their names look as if nothing had changed.
        """
        for key, table in self.models.items():
            for column in table.columns:
                old = self.of(key, column)
                if old is not None and self.has(key, old):
                    raise self.refused_twice(key, old, str(column.name))

    def refused_twice(self, key: Key, old: str, new: str) -> CommandError:
        """Return the error for a hint to a name that the model still has."""
        swaps = any(
            str(column.name) == old and self.of(key, column) == new for column in self.models[key].columns
        )
        return refused(
            key,
            f"{new} was called {old}, as it says, and {old} is still in the model.",
            "Names are swapped in two releases, by way of a third name."
            if swaps
            else f"Take {old} out of the model, or the hint off {new}.",
        )

    def has(self, key: Key, column: str) -> bool:
        """Say whether a model has a column of that name still."""
        table = self.models.get(key)
        return table is not None and any(each.name == column for each in table.columns)


def refused(key: Key, message: str, following: str) -> CommandError:
    """Return the error for a hint that cannot be meant."""
    table = ".".join(filter(None, key))
    return failure(
        UsageError(f"The model of {table}: {message}", state="No revision was written.", next=following)
    )


def _of_classes(models: Mapping[Key, Table]) -> Iterator[tuple[Key, Mapping[str, str]]]:
    keys = {id(table): key for key, table in models.items()}
    for mapper in _mappers():
        said = getattr(mapper.class_, RENAMES, None)
        key = keys.get(id(mapper.local_table))
        if said and key is not None:
            yield key, {_column(mapper, new): old for new, old in dict(said).items()}


def _column(mapper: Any, name: str) -> str:  # noqa: ANN401 - SQLAlchemy's
    """Return the column's name, also where the class has it under another one."""
    if name in mapper.local_table.columns:
        return name
    found = mapper.column_attrs.get(name) if name in mapper.column_attrs else None
    return name if found is None else str(found.columns[0].name)


def _mappers() -> Iterator[Any]:
    # Nothing public leads from a table to the class that it was declared with.
    for registry in getattr(mapperlib, "_all_registries", tuple)():
        yield from registry.mappers
