"""add-primary-key: rows get a key, over columns that have a value in each of them."""

from typing import ClassVar

from expandcontract.changes import fields, index_words, unique_rules
from expandcontract.changes.index_words import IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.changes.unique_rules import UniqueRule
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import unique_indexes


class AddPrimaryKeySpec(Spec):
    """`ec start add-primary-key visits 'id'`."""

    table: str = fields.table()
    columns: str = fields.positional("The columns: 'tenant, id'")
    name: str | None = fields.name()


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
        unique_rules.refuse_second_key(snapshot)
        words = IndexWords(name=spec.name)
        asked = index_words.read(words, snapshot, judgement, unique=True, label="pkey", told=False)
        listed = f"({', '.join(asked.keys)})"
        rule = UniqueRule("PRIMARY KEY", asked, f"PRIMARY KEY {listed}")
        unique_rules.examine(snapshot, rule)
        return unique_rules.plan(
            change,
            snapshot,
            rule,
            (
                *unique_rules.with_values(snapshot, rule),
                unique_indexes.constraint(asked.index, "PRIMARY KEY", listed),
            ),
        )


KIND = AddPrimaryKey()
