"""replace-index: another definition, the new index first, the old one dropped at contract."""

from typing import ClassVar

from expandcontract.changes import fields, index_words, leaving_index
from expandcontract.changes.compose import compose
from expandcontract.changes.index_words import IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import Target, parse_index, quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import indexes
from expandcontract.steps.parts import Part


class ReplaceIndexSpec(IndexWords):
    """`ec start replace-index orders_customer_id_idx 'customer_id, created_at'`."""

    index: str = fields.positional("The old index: [schema.]index")
    columns: str = fields.positional("Columns and expressions of the new one, as in CREATE INDEX")


class ReplaceIndex(Kind[ReplaceIndexSpec]):
    """Ready when the new one is built; contract drops the old one."""

    name: ClassVar[str] = "replace-index"
    group: ClassVar[str] = "Indexes"
    help: ClassVar[str] = "Build another index in place of one."
    spec: ClassVar[type[Spec]] = ReplaceIndexSpec

    def target(self, spec: ReplaceIndexSpec) -> Target:
        return parse_index(spec.index)

    def slug(self, spec: ReplaceIndexSpec) -> str:
        return slug(f"replace {parse_index(spec.index).index}")

    def question(self, spec: ReplaceIndexSpec, snapshot: Snapshot) -> Trial:
        old = leaving_index.found(snapshot, parse_index(spec.index).index)
        asked = index_words.trial(spec, spec.columns, unique=old.unique)
        return leaving_index.beside(asked, old.name)

    def compile(
        self,
        change: Change,
        spec: ReplaceIndexSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del ledger_schema
        old = leaving_index.found(snapshot, parse_index(spec.index).index)
        asked = index_words.read(spec, snapshot, judgement, unique=old.unique)
        leaving_index.examine_replaced(old, asked)
        new, name = asked.index, quote(asked.index.name)
        notes = (*asked.notes, *leaving_index.races(old))
        built = Part(backfill=indexes.build(new), before_rollback=indexes.drop(new), notes=notes)
        return compose(
            change,
            snapshot,
            (built, leaving_index.part(snapshot, old, judgement, replaced=True)),
            Words(
                about=f"index {name} {new.definition} in place of {quote(old.name)} {old.definition}",
                ready=f"index {name} is built",
                contracted=f"index {quote(old.name)} is dropped",
            ),
            leaving_index.sentences(old, f"close the change; nothing is left of {name}"),
            claims=tuple(dict.fromkeys((*asked.columns, *old.columns))),
        )


KIND = ReplaceIndex()
