"""drop-column: a column that no code uses any more, hidden first and dropped by purge."""

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import fills, following_views, hazards, preflight, row_expressions
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import hidden_name, parse_target, quote, slug, sync_schema, trigger_name
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import not_null_relaxed, noting
from expandcontract.steps.noting import Noting
from expandcontract.steps.parts import Part, Sentences
from expandcontract.steps.row_function import RowFunction


class DropColumnSpec(Spec):
    """`ec start drop-column users.fax`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    fill: str | None = Field(
        None, description="What rows of new code get in it until purge, of columns of the row, for old code."
    )
    recreate_views: bool = Field(default=False, description=following_views.RECREATE_WITHOUT)
    drop_views: bool = Field(default=False, description=following_views.DROP_VIEWS)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.recreate_views and self.drop_views:
            raise ValueError("--recreate-views and --drop-views exclude each other")
        return self


class DropColumn(Kind[DropColumnSpec]):
    """New code leaves the column out; contract hides it, and every value comes back by undo."""

    name: ClassVar[str] = "drop-column"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Drop a column."
    spec: ClassVar[type[Spec]] = DropColumnSpec

    def slug(self, spec: DropColumnSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"drop {target.table} {target.column}")

    def question(self, spec: DropColumnSpec, snapshot: Snapshot) -> Trial | None:
        if spec.fill is None:
            return None
        column = preflight.column(snapshot, parse_target(spec.column).column)
        if column.default is not None or column.identity:
            raise BadExpression(
                f"{quote(column.name)} has a default, which a row that comes without a value gets.",
                why="So --fill would never be evaluated.",
                next="Leave it out.",
            )
        return fills.trial(snapshot, column, spec.fill)

    def compile(
        self, change: Change, spec: DropColumnSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        column = preflight.column(snapshot, parse_target(spec.column).column)
        preflight.examine_dropped(snapshot, column)
        hidden = hidden_name(column.name)
        preflight.examine_name(snapshot, hidden, ours=True)
        name, table = quote(column.name), snapshot.table.sql
        trigger, schema = trigger_name(change.name), sync_schema(ledger_schema)
        fill = None
        if spec.fill is not None:
            fill = fills.value(change, snapshot, column.type, spec.fill, judgement, schema)
            fills.examine(snapshot, fill)
            _examine_fill(column, fill)
        keys = snapshot.relation.partition_keys
        notes = Noting(change.name, snapshot.triggered, column, trigger, schema, fill, hidden, keys)
        views = following_views.of_dropped(
            snapshot, column, hidden, recreate=spec.recreate_views, drop=spec.drop_views
        )
        goes = Part(
            contract=(f"ALTER TABLE {table} RENAME COLUMN {name} TO {quote(hidden)}",),
            undo=(f"ALTER TABLE {table} RENAME COLUMN {quote(hidden)} TO {name}",),
            purge=(f"ALTER TABLE {table} DROP COLUMN {quote(hidden)}",),
            notes=tuple(_notes(views.without(snapshot), column)),
        )
        return compose(
            change,
            snapshot,
            (*not_null_relaxed.parts(snapshot, column), noting.part(notes), *views.around(goes)),
            Words(
                about=f"without {name}",
                ready=f"code may leave {name} out",
                contracted=f"{name} is hidden as {quote(hidden)}",
                destroys=f"{name} with its values",
            ),
            Sentences(
                contract=f"hide {name} as {quote(hidden)}",
                undo=f"bring {name} back, with every value",
                rollback=f"leave {name} as it was",
                purge=f"drop the hidden column {quote(hidden)} with its values: "
                "there is no way back from here",
            ),
            claims=(column.name,),
            retires=(column.name,),
            hidden=hidden,
            uses=row_expressions.used((fill,) if fill else (), (column.name,)),
        )


def _examine_fill(column: Column, fill: RowFunction) -> None:
    if column.name in dict(fill.columns):
        raise BadExpression(
            f"--fill uses {quote(column.name)}, which has no value where --fill gives it one.",
            why="After contract it has another name, too.",
            next="an expression over other columns",
        )


def _notes(snapshot: Snapshot, column: Column) -> Iterator[Note]:
    name = quote(column.name)
    yield from hazards.of_hiding(snapshot, column)
    alone = [f"index {quote(i.name)}" for i in snapshot.indexes if set(i.columns) == {column.name}]
    alone += [
        f"constraint {quote(each.name)}"
        for each in snapshot.constraints
        if not each.inbound and each.columns == (column.name,)
    ]
    alone += [f"sequence {each}" for each in column.owned_sequences]
    if alone:
        yield Note(
            "goes-along", f"With {name} go at purge, and come back by undo until then: {', '.join(alone)}."
        )
    for index in snapshot.indexes:
        if column.name in index.columns and set(index.columns) != {column.name}:
            yield Note.hazard(
                "index-goes",
                f"Index {quote(index.name)} ({index.definition}) has {name} among others: purge drops it "
                "with the column. Build what queries still need before.",
                about=index.name,
            )
    for constraint in snapshot.constraints:
        if not constraint.inbound and column.name in constraint.columns and len(constraint.columns) > 1:
            yield Note.hazard(
                "constraint-goes",
                f"Constraint {quote(constraint.name)} ({constraint.definition}) has {name} among others: "
                "purge drops it with the column, and until then it judges rows that leave the column out.",
                about=constraint.name,
            )


KIND = DropColumn()
