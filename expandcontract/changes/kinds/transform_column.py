"""transform-column: the same type with another meaning: cents instead of euros, lower case, another unit."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import columns, fields, following_views, into, preflight
from expandcontract.changes.kind import Spec
from expandcontract.changes.left_rules import OneFreed
from expandcontract.model.change import Unfit
from expandcontract.model.errors import NameTaken
from expandcontract.model.names import Target, hidden_name, parse_column, parse_target, quote, slug
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Question


class TransformColumnSpec(OneFreed):
    """`ec start transform-column orders.total cents --using 'total * 100' --back 'cents / 100'`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    to: str = Field(
        description="The new column's name, which new code uses", json_schema_extra={"positional": True}
    )
    using: str = Field(description="Expression for the new value, over the old column and others")
    back: str | None = Field(None, description="Expression for the old value, over the new column")
    one_way: bool = Field(
        default=False, description="Nothing goes back: old code does not see what new code writes"
    )
    unfit: Unfit = Field(
        Unfit.REFUSE,
        description="A value that the other side cannot hold: refuse the write, record it or accept the loss",
    )
    upsert_new: bool = Field(default=False, description=columns.UPSERT_NEW)
    recreate_views: bool = Field(default=False, description=following_views.RECREATE_BY_BACK)
    names: fields.NewNames = fields.names()

    @model_validator(mode="after")
    def _leads_back(self) -> Self:
        # A cast between equal types would give back the new value as the old one.
        into.require_way_back(self.back, "--back EXPR", one_way=self.one_way)
        following_views.examine_way_back(recreate=self.recreate_views, one_way=self.one_way)
        return self


class TransformColumn(columns.PairKind[TransformColumnSpec]):
    """Two columns of one type; forward and back keep them in sync."""

    name: ClassVar[str] = "transform-column"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Give a column's values another meaning, under a new name."
    spec: ClassVar[type[Spec]] = TransformColumnSpec

    def target(self, spec: TransformColumnSpec) -> Target:
        target = parse_target(spec.column)
        if parse_column(spec.to) == target.column:
            raise NameTaken(
                f"The new name of {target} equals the old one: {quote(target.column)}.",
                why="No code could tell which meaning a value has.",
            )
        return target

    def slug(self, spec: TransformColumnSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"transform {target.table} {target.column}")

    def question(self, spec: TransformColumnSpec, snapshot: Snapshot) -> Question:
        column = columns.old_column(snapshot, parse_target(spec.column).column)
        new = parse_column(spec.to)
        preflight.examine_name(snapshot, new)
        return Question(
            column.name,
            new,
            hidden_name(column.name),
            type=column.type,
            using=spec.using,
            back=spec.back,
            one_way=spec.one_way,
            upsert_new=spec.upsert_new,
            recreate_views=spec.recreate_views,
            rules=spec.rules(new),
            names=fields.parsed(spec.names),
            left=spec.left(),
        )


KIND = TransformColumn()
