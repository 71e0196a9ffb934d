"""reindex: an index, or all indexes of a table, built anew one by one."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import standing_indexes, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.changes.standing_indexes import StandingIndex
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import Target, parse_index_or_table, quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import reindexing
from expandcontract.steps.parts import Part, Sentences


class ReindexSpec(Spec):
    """`ec start reindex orders_customer_id_idx`, or `ec start reindex orders`."""

    name: str = Field(
        description="The index, or the table with all its indexes: [schema.]name",
        json_schema_extra={"positional": True},
    )


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
        del snapshot
        named = parse_index_or_table(spec.name).index
        return Trial((), standing_indexes.asked(named), f"a REINDEX of {spec.name}")

    def compile(
        self, change: Change, spec: ReindexSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        table_shape.examine(snapshot)
        named = parse_index_or_table(spec.name).index
        wanted = [each for each in snapshot.indexes if each.name == named] or snapshot.indexes
        found = sorted(standing_indexes.found(snapshot, judgement), key=lambda index: not index.left)
        if not found:
            raise UnsupportedShape(f"{snapshot.table} has no index.", state="Nothing was changed.")
        whole = wanted == snapshot.indexes
        columns = dict.fromkeys(column for index in wanted for column in index.columns)
        return compose(
            change,
            snapshot,
            [_part(snapshot, each, of_the_table=whole) for each in found],
            Words(about=f"build {quote(named)} anew", ready=f"{quote(named)} is built anew"),
            Sentences(rollback="close the change: what was built anew stays"),
            claims=tuple(columns),
        )


def _part(snapshot: Snapshot, index: StandingIndex, *, of_the_table: bool) -> Part:
    name = quote(index.name)
    if index.left:
        note = Note("leftover", f"{name} is invalid, left by a REINDEX that failed: it is dropped first.")
        return Part(backfill=(reindexing.leftover(index.table, index.name, "before"),), notes=(note,))
    if not index.exclusion:
        return Part(
            backfill=reindexing.rebuild(index.table, index.name),
            before_rollback=reindexing.leftovers(index.table, index.name),
        )
    if of_the_table:
        return Part(notes=(Note("exclusion", f"{name}, an exclusion constraint's, is left as it is."),))
    raise UnsupportedShape(
        f"{name} is the index of an exclusion constraint of {snapshot.table}.",
        why="PostgreSQL builds it only under a lock that stops all writes.",
        state="Nothing was changed.",
        next=f"REINDEX INDEX {name} when nobody writes",
    )


KIND = Reindex()
