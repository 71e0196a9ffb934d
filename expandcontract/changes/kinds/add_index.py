"""add-index: built while reads and writes go on; a unique one is a rule, and begins at contract."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import fields, index_words, unique_rules
from expandcontract.changes.compose import compose
from expandcontract.changes.index_words import IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import indexes
from expandcontract.steps.parts import Part, Sentences


class AddIndexSpec(IndexWords):
    """`ec start add-index orders 'customer_id, lower(email) DESC'`."""

    table: str = fields.table()
    columns: str = fields.positional(
        "Columns and expressions, as in CREATE INDEX: 'customer_id, lower(email) DESC'"
    )
    unique: bool = Field(default=False, description="No two rows may be equal in them, from contract on")


class AddIndex(Kind[AddIndexSpec]):
    """Ready when it is built; there is nothing to contract, unless it is unique."""

    name: ClassVar[str] = "add-index"
    group: ClassVar[str] = "Indexes"
    help: ClassVar[str] = "Build an index."
    spec: ClassVar[type[Spec]] = AddIndexSpec

    def slug(self, spec: AddIndexSpec) -> str:
        return slug(f"index {parse_table(spec.table).table} {spec.name or spec.columns}")

    def question(self, spec: AddIndexSpec, snapshot: Snapshot) -> Trial:
        del snapshot
        return index_words.trial(spec, spec.columns, unique=spec.unique)

    def compile(
        self, change: Change, spec: AddIndexSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        asked = index_words.read(spec, snapshot, judgement, unique=spec.unique)
        if spec.unique:
            return unique_rules.of_index(change, snapshot, asked, nulls_distinct=not spec.nulls_not_distinct)
        index, name = asked.index, quote(asked.index.name)
        built = Part(backfill=indexes.build(index), before_rollback=indexes.drop(index), notes=asked.notes)
        return compose(
            change,
            snapshot,
            (built,),
            Words(about=f"index {name} {index.definition}", ready=f"index {name} is built"),
            Sentences(rollback=f"close the change; nothing is left of {name}"),
            claims=asked.columns,
        )


KIND = AddIndex()
