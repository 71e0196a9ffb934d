"""add-primary-key: rows get a key, over columns that have a value in each of them."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import index_words, unique_rules
from expandcontract.changes.index_words import IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.changes.unique_rules import UniqueRule
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import tables, unique_indexes
from expandcontract.steps.carry.subject import not_null_name
from expandcontract.steps.parts import Part


class AddPrimaryKeySpec(Spec):
    """`ec start add-primary-key visits 'id'`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    columns: str = Field(description="The columns: 'tenant, id'", json_schema_extra={"positional": True})
    name: str | None = Field(default=None, description="Its name [as PostgreSQL would choose it]")


class AddPrimaryKey(Kind[AddPrimaryKeySpec]):
    """Contract proves that each column has a value, builds the index, and attaches it."""

    name: ClassVar[str] = "add-primary-key"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Give a table a primary key."
    spec: ClassVar[type[Spec]] = AddPrimaryKeySpec

    def slug(self, spec: AddPrimaryKeySpec) -> str:
        return slug(f"key {parse_table(spec.table).table}")

    def question(self, spec: AddPrimaryKeySpec, snapshot: Snapshot) -> Trial:
        del snapshot
        return index_words.trial(IndexWords(name=spec.name), spec.columns, unique=True)

    def compile(
        self,
        change: Change,
        spec: AddPrimaryKeySpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del ledger_schema
        _refuse_second(snapshot)
        words = IndexWords(name=spec.name)
        asked = index_words.read(words, snapshot, judgement, unique=True, label="pkey", told=False)
        listed = f"({', '.join(asked.keys)})"
        rule = UniqueRule("PRIMARY KEY", asked, f"PRIMARY KEY {listed}")
        unique_rules.examine(snapshot, rule)
        empty = [each for each in snapshot.columns if each.name in asked.columns and not each.not_null]
        return unique_rules.plan(
            change,
            snapshot,
            rule,
            (
                *(
                    [unique_indexes.look_for_nulls(snapshot, asked.index, [quote(c.name) for c in empty])]
                    if empty
                    else []
                ),
                unique_indexes.look(snapshot, asked.index, asked.keys, nulls_distinct=True),
                *(_not_null(snapshot, column) for column in empty),
                unique_indexes.constraint(asked.index, "PRIMARY KEY", listed),
            ),
        )


def _refuse_second(snapshot: Snapshot) -> None:
    for index in snapshot.indexes:
        if index.primary:
            raise UnsupportedShape(
                f"{snapshot.table} has a primary key: {quote(index.name)} {index.constraint_definition}.",
                why="A table has one at most.",
                state="Nothing was changed.",
                next="ec start add-unique, for another key",
            )


def _not_null(snapshot: Snapshot, column: Column) -> Part:
    table, name = snapshot.table, not_null_name(snapshot, column)
    return Part(
        before_contract=tables.not_null(table, column.name, name, snapshot.server_version),
        undo=(f"ALTER TABLE {table.sql} ALTER COLUMN {quote(column.name)} DROP NOT NULL",),
    )


KIND = AddPrimaryKey()
