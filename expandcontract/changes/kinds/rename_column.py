"""rename-column: the same values under a new name."""

from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import columns, fields, following_views, instant_rename, preflight
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change, Unfit
from expandcontract.model.errors import NameTaken
from expandcontract.model.names import Target, hidden_name, parse_column, parse_target, quote, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Question


class RenameColumnSpec(Spec):
    """`ec start rename-column users.name display_name`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    new_name: str = Field(description="Its new name", json_schema_extra={"positional": True})
    upsert_new: bool = Field(default=False, description=columns.UPSERT_NEW)
    recreate_views: bool = Field(default=False, description=following_views.RECREATE_VIEWS)
    names: fields.NewNames = fields.names()
    instant: bool = Field(
        default=False,
        description="Copy nothing: until contract a view that has both names stands in the table's place",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.instant and self.names:
            raise ValueError("--instant and --names exclude each other: ec start rename-constraint renames")
        return self


class RenameColumn(Kind[RenameColumnSpec]):
    """Old and new code each use their own column; both hold the very same value."""

    name: ClassVar[str] = "rename-column"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Give a column a new name."
    spec: ClassVar[type[Spec]] = RenameColumnSpec

    def target(self, spec: RenameColumnSpec) -> Target:
        target = parse_target(spec.column)
        if parse_column(spec.new_name) == target.column:
            raise NameTaken(
                f"The new name of {target} equals the old one: {quote(target.column)}.",
                why="Unquoted names fold to lower case.",
            )
        return target

    def slug(self, spec: RenameColumnSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"rename {target.table} {target.column}")

    def question(self, spec: RenameColumnSpec, snapshot: Snapshot) -> Question | None:
        return None if spec.instant else self._pair(spec, snapshot)

    def _pair(self, spec: RenameColumnSpec, snapshot: Snapshot) -> Question:
        column = columns.old_column(snapshot, parse_target(spec.column).column)
        new = parse_column(spec.new_name)
        preflight.examine_name(snapshot, new)
        return Question(
            column.name,
            new,
            hidden_name(column.name),
            upsert_new=spec.upsert_new,
            recreate_views=spec.recreate_views,
            names=fields.parsed(spec.names),
        )

    def compile(
        self,
        change: Change,
        spec: RenameColumnSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        if spec.instant:
            old, new = parse_target(spec.column).column, parse_column(spec.new_name)
            return instant_rename.compose(change, snapshot, old, new)
        plan = columns.compose(
            change, snapshot, judgement, self._pair(spec, snapshot), Unfit.REFUSE, ledger_schema
        )
        return replace(plan, costs=(*plan.costs, *instant_rename.mentioned(snapshot)))


KIND = RenameColumn()
