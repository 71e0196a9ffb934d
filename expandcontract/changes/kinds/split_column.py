"""split-column: one column becomes several; old and new code each use their own."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import columns, following_views, into, preflight
from expandcontract.changes.kind import Spec
from expandcontract.changes.new_rules import EachRuled
from expandcontract.model.change import Unfit
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import hidden_name, parse_target, slug
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import FurtherAsked, Question


class SplitColumnSpec(EachRuled):
    """`ec start split-column users.name --into "first = split_part(name, ' ', 1)" --into ... --back ...`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    into: list[str] = Field(
        description="A new column and what makes it of the old one; its type is the old one's unless given",
        min_length=2,
        json_schema_extra={"metavar": "'NAME [TYPE] = EXPR'"},
    )
    back: str | None = Field(None, description="Expression for the old value, over the new columns")
    one_way: bool = Field(
        default=False, description="Nothing goes back: old code does not see what new code writes"
    )
    unfit: Unfit = Field(
        Unfit.ACCEPT,
        description="A value that --back does not give back: refuse the write, record it or accept the loss",
    )
    recreate_views: bool = Field(default=False, description=following_views.RECREATE_BY_BACK)

    @model_validator(mode="after")
    def _leads_back(self) -> Self:
        into.require_way_back(self.back, "--back EXPR", one_way=self.one_way)
        following_views.examine_way_back(recreate=self.recreate_views, one_way=self.one_way)
        into.require_made(self.into)
        return self


class SplitColumn(columns.PairKind[SplitColumnSpec]):
    """The new side is of several columns, each made of the old one; the old one is made of all of them."""

    name: ClassVar[str] = "split-column"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Split a column into several."
    spec: ClassVar[type[Spec]] = SplitColumnSpec

    def slug(self, spec: SplitColumnSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"split {target.table} {target.column}")

    def question(self, spec: SplitColumnSpec, snapshot: Snapshot) -> Question:
        column = columns.old_column(snapshot, parse_target(spec.column).column)
        made = [into.made(each) for each in spec.into]
        first, *more = (FurtherAsked(each.name, each.type or column.type, each.expression) for each in made)
        names = [each.new for each in (first, *more)]
        for number, name in enumerate(names):
            preflight.examine_name(snapshot, name)
            if name in names[:number]:
                raise BadExpression(f"--into names {name} twice.")
        return Question(
            column.name,
            first.new,
            hidden_name(column.name),
            type=first.type,
            using=first.using,
            back=spec.back,
            one_way=spec.one_way,
            more=tuple(more),
            recreate_views=spec.recreate_views,
            rules=spec.rules(*names),
        )


KIND = SplitColumn()
