"""replace-index: another definition, the new index first, the old one dropped at contract."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import index_words, leaving_index
from expandcontract.changes.compose import compose
from expandcontract.changes.index_words import Asked, IndexWords
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import Target, parse_index, quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import indexes
from expandcontract.steps.parts import Part, Sentences

_RACE = Note(
    "upsert-race",
    "Until contract both indexes are unique. An upsert negotiates on one of them: two sessions that upsert "
    "the same new value at the same moment may see one 23505, which a retry mends.",
)


class ReplaceIndexSpec(IndexWords):
    """`ec start replace-index orders_customer_id_idx 'customer_id, created_at'`."""

    index: str = Field(description="The old index: [schema.]index", json_schema_extra={"positional": True})
    columns: str = Field(
        description="Columns and expressions of the new one, as in CREATE INDEX",
        json_schema_extra={"positional": True},
    )


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
        _examine_unique(old, asked)
        new, name = asked.index, quote(asked.index.name)
        notes = (*asked.notes, *((_RACE,) if old.unique else ()))
        built = Part(backfill=indexes.build(new), before_rollback=indexes.drop(new), notes=notes)
        return compose(
            change,
            snapshot,
            (built, leaving_index.part(snapshot, old, judgement, replaced=True)),
            Words(
                about=f"index {name} {new.definition} in place of {quote(old.name)} {old.definition}",
                ready=f"index {name} is built",
                contracted=f"index {quote(old.name)} is dropped",
                destroys="",
            ),
            Sentences(
                contract=f"{quote(old.name)} is gone, and its definition kept",
                undo=f"{quote(old.name)} is back, with all that was said of it",
                rollback=f"close the change; nothing is left of {name}",
                purge=f"close the change: nothing builds {quote(old.name)} again",
            ),
            claims=tuple(dict.fromkeys((*asked.columns, *old.columns))),
        )


def _examine_unique(old: Index, asked: Asked) -> None:
    """Raise UnsupportedShape where the new one would refuse rows that the old one takes."""
    if old.unique and (
        sorted(map(quote, old.key_columns)) != sorted(asked.keys) or old.predicate != asked.index.predicate
    ):
        raise UnsupportedShape(
            f"{quote(old.name)} is unique in {old.definition}, and the new one would be in other columns.",
            why="It could refuse rows that are there, and what old code writes.",
            state="Nothing was changed.",
            next=f"ec start add-index {asked.index.table} ... --unique; then: "
            f"ec start drop-index {quote(old.name)}",
        )


KIND = ReplaceIndex()
