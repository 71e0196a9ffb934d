"""drop-not-null: rows may be without a value from start on."""

from typing import ClassVar

from expandcontract.changes import fields, preflight
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import parse_target, quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import not_null_relaxed
from expandcontract.steps.parts import Sentences


class DropNotNullSpec(Spec):
    """`ec start drop-not-null users.fax`."""

    column: str = fields.column()


class DropNotNull(Kind[DropNotNullSpec]):
    """Instant. Rollback proves NOT NULL once more, for which every row needs a value."""

    name: ClassVar[str] = "drop-not-null"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Let a column be without a value."
    spec: ClassVar[type[Spec]] = DropNotNullSpec

    def slug(self, spec: DropNotNullSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"drop {target.table} {target.column} not null")

    def compile(
        self, change: Change, spec: DropNotNullSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del judgement, ledger_schema
        column = preflight.column(snapshot, parse_target(spec.column).column)
        _examine(snapshot, column)
        name = quote(column.name)
        reads = Note("may-be-null", f"Code that reads {name} may meet NULL from start on: deploy it first.")
        return compose(
            change,
            snapshot,
            (not_null_relaxed.part(snapshot, column, reads),),
            Words(
                about=f"{name} may be NULL",
                ready=f"rows need no value in {name}",
            ),
            Sentences(f"{name} is NOT NULL again"),
            claims=(column.name,),
        )


def _examine(snapshot: Snapshot, column: Column) -> None:
    name = quote(column.name)
    if not column.not_null:
        raise UnsupportedShape(
            f"{name} of {snapshot.table} is not NOT NULL.", why="There is nothing to drop."
        )
    if column.identity:
        raise UnsupportedShape(f"{name} is an identity.", why="PostgreSQL keeps those NOT NULL.")
    for index in snapshot.indexes:
        if column.name in index.key_columns and (index.primary or index.replica_identity):
            what = "primary key" if index.primary else "replica identity"
            raise UnsupportedShape(f"{name} is part of the {what}.", why="PostgreSQL keeps those NOT NULL.")


KIND = DropNotNull()
