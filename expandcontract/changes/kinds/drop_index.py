"""drop-index: an index that nothing needs any more, dropped while reads and writes go on."""

from typing import ClassVar

from expandcontract.changes import fields, leaving_index
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import Target, parse_index, quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial


class DropIndexSpec(Spec):
    """`ec start drop-index orders_customer_id_idx`."""

    index: str = fields.positional("The index: [schema.]index")


class DropIndex(Kind[DropIndexSpec]):
    """Contract drops it; undo builds it again, with all that was said of it."""

    name: ClassVar[str] = "drop-index"
    group: ClassVar[str] = "Indexes"
    help: ClassVar[str] = "Drop an index."
    spec: ClassVar[type[Spec]] = DropIndexSpec

    def target(self, spec: DropIndexSpec) -> Target:
        return parse_index(spec.index)

    def slug(self, spec: DropIndexSpec) -> str:
        return slug(f"drop {parse_index(spec.index).index}")

    def question(self, spec: DropIndexSpec, snapshot: Snapshot) -> Trial:
        index = leaving_index.found(snapshot, parse_index(spec.index).index)
        return Trial((), leaving_index.asked(index.name), f"index {quote(index.name)}")

    def compile(
        self, change: Change, spec: DropIndexSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        index = leaving_index.found(snapshot, parse_index(spec.index).index)
        name = quote(index.name)
        return compose(
            change,
            snapshot,
            (leaving_index.part(snapshot, index, judgement),),
            Words(
                about=f"without index {name} {index.definition}",
                ready=f"nothing was changed; code that needs {name} no more may run",
                contracted=f"index {name} is dropped",
            ),
            leaving_index.sentences(index, f"leave {name} as it was"),
            claims=index.columns,
        )


KIND = DropIndex()
