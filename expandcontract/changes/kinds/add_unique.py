"""add-unique: no two rows may be equal in some columns, from contract on."""

from typing import ClassVar

from pydantic import Field

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


class AddUniqueSpec(Spec):
    """`ec start add-unique users 'tenant, email'`."""

    table: str = fields.table()
    columns: str = fields.positional("The columns: 'tenant, email'")
    name: str | None = fields.name()
    nulls_not_distinct: bool = Field(default=False, description="NULLs are equal to each other")
    deferrable: bool = Field(default=False, description="SET CONSTRAINTS may have it checked at COMMIT")
    initially_deferred: bool = Field(default=False, description="It is checked at COMMIT by itself")


class AddUnique(Kind[AddUniqueSpec]):
    """Rows that are equal are looked for first; contract builds the index, and attaches it."""

    name: ClassVar[str] = "add-unique"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Let no two rows be equal in some columns."
    spec: ClassVar[type[Spec]] = AddUniqueSpec

    def slug(self, spec: AddUniqueSpec) -> str:
        return slug(f"unique {parse_table(spec.table).table} {spec.columns}")

    def question(self, spec: AddUniqueSpec, snapshot: Snapshot) -> Trial:
        del snapshot
        return index_words.trial(_index(spec), spec.columns, unique=True)

    def compile(
        self, change: Change, spec: AddUniqueSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        asked = index_words.read(_index(spec), snapshot, judgement, unique=True, label="key")
        deferrable = spec.deferrable or spec.initially_deferred
        timing = f" DEFERRABLE INITIALLY {'DEFERRED' if spec.initially_deferred else 'IMMEDIATE'}"
        nulls = "NULLS NOT DISTINCT " if spec.nulls_not_distinct else ""
        listed = f"{nulls}({', '.join(asked.keys)})"
        rule = UniqueRule("UNIQUE", asked, f"UNIQUE {listed}")
        unique_rules.examine(snapshot, rule, deferrable=deferrable)
        parts = (
            unique_indexes.look(
                snapshot, asked.index, asked.keys, nulls_distinct=not spec.nulls_not_distinct
            ),
            unique_indexes.constraint(asked.index, "UNIQUE", listed, timing if deferrable else ""),
        )
        return unique_rules.plan(change, snapshot, rule, parts)


def _index(spec: AddUniqueSpec) -> IndexWords:
    return IndexWords(name=spec.name, nulls_not_distinct=spec.nulls_not_distinct)


KIND = AddUnique()
