"""add-index: built while reads and writes go on, on a partitioned table leaf by leaf."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import index_words
from expandcontract.changes.compose import compose
from expandcontract.changes.index_words import IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import Target, parse_table, quote, slug
from expandcontract.model.plan import Plan, Words
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import indexes
from expandcontract.steps.parts import Part, Sentences


class AddIndexSpec(IndexWords):
    """`ec start add-index orders 'customer_id, lower(email) DESC'`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    columns: str = Field(
        description="Columns and expressions, as in CREATE INDEX: 'customer_id, lower(email) DESC'",
        json_schema_extra={"positional": True},
    )


class AddIndex(Kind[AddIndexSpec]):
    """Ready when it is built; there is nothing to contract."""

    name: ClassVar[str] = "add-index"
    group: ClassVar[str] = "Indexes"
    help: ClassVar[str] = "Build an index."
    spec: ClassVar[type[Spec]] = AddIndexSpec

    def target(self, spec: AddIndexSpec) -> Target:
        return parse_table(spec.table)

    def slug(self, spec: AddIndexSpec) -> str:
        return slug(f"index {parse_table(spec.table).table} {spec.name or spec.columns}")

    def question(self, spec: AddIndexSpec, snapshot: Snapshot) -> Trial:
        del snapshot
        return index_words.trial(spec, spec.columns, unique=False)

    def compile(
        self, change: Change, spec: AddIndexSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        asked = index_words.read(spec, snapshot, judgement, unique=False)
        index, name = asked.index, quote(asked.index.name)
        part = Part(backfill=indexes.build(index), before_rollback=indexes.drop(index), notes=asked.notes)
        return compose(
            change,
            snapshot,
            (part,),
            Words(about=f"index {name} {index.definition}", ready=f"index {name} is built"),
            Sentences(rollback=f"close the change; nothing is left of {name}"),
            claims=asked.columns,
        )


KIND = AddIndex()
