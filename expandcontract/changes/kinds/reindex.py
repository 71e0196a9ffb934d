"""reindex: an index, or all indexes of a table, built anew one by one."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import fields, standing_indexes, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import Target, parse_index_or_table, quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps.parts import Sentences


class ReindexSpec(Spec):
    """`ec start reindex orders_customer_id_idx`, or `ec start reindex orders`."""

    name: str = fields.positional("The index, or the table with all its indexes: [schema.]name")
    toast: bool = Field(default=False, description="With the table, the index of its TOAST table as well")


class Reindex(Kind[ReindexSpec]):
    """Ready when all are built; there is nothing to contract, and nothing to take back."""

    name: ClassVar[str] = "reindex"
    group: ClassVar[str] = "Indexes"
    help: ClassVar[str] = "Build an index anew, or all of a table."
    spec: ClassVar[type[Spec]] = ReindexSpec

    def target(self, spec: ReindexSpec) -> Target:
        return parse_index_or_table(spec.name)

    def slug(self, spec: ReindexSpec) -> str:
        return slug(f"reindex {parse_index_or_table(spec.name).table}")

    def question(self, spec: ReindexSpec, snapshot: Snapshot) -> Trial:
        named, whole = _named(spec, snapshot)
        if spec.toast and not whole:
            raise UnsupportedShape(
                f"{quote(named)} is an index, and --toast goes with a table.",
                next=f"ec start reindex {snapshot.table} --toast",
            )
        asked = standing_indexes.asked(named, toast=spec.toast)
        return Trial((), asked, f"a REINDEX of {spec.name}")

    def compile(
        self, change: Change, spec: ReindexSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        table_shape.examine(snapshot, apart=True)
        named, whole = _named(spec, snapshot)
        wanted = [each for each in snapshot.indexes if whole or each.name == named]
        found = sorted(standing_indexes.found(snapshot, judgement), key=lambda index: not index.copy_of)
        if not found:
            raise UnsupportedShape(f"{snapshot.table} has no index.", state="Nothing was changed.")
        columns = dict.fromkeys(column for index in wanted for column in index.columns)
        return compose(
            change,
            snapshot,
            [standing_indexes.part(snapshot, each, of_the_table=whole) for each in found],
            Words(about=f"build {quote(named)} anew", ready=f"{quote(named)} is built anew"),
            Sentences(rollback="close the change: what was built anew stays"),
            claims=tuple(columns),
            apart=True,
        )


def _named(spec: ReindexSpec, snapshot: Snapshot) -> tuple[str, bool]:
    """Return the name of what is built anew, and whether that is the table with all its indexes."""
    named = parse_index_or_table(spec.name).index
    return named, all(index.name != named for index in snapshot.indexes)


KIND = Reindex()
