"""merge-columns: several columns become one; old and new code each use their own."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import columns, following_views, into, preflight
from expandcontract.changes.kind import Spec
from expandcontract.changes.new_rules import OneRuled
from expandcontract.model.change import Unfit
from expandcontract.model.errors import BadName
from expandcontract.model.names import Target, hidden_name, parse_target, quote, slug
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import FurtherOldAsked, Question


class MergeColumnsSpec(OneRuled):
    """`ec start merge-columns users.first users.last --into "name = first || ' ' || last" --back ...`."""

    columns: list[str] = Field(
        description="The columns, all of one table: [schema.]table.column",
        min_length=2,
        json_schema_extra={"positional": True, "metavar": "COLUMN"},
    )
    into: str = Field(
        description="The new column and what makes it of all the old ones; its type is theirs unless given",
        json_schema_extra={"metavar": "'NAME [TYPE] = EXPR'"},
    )
    back: list[str] = Field(
        [],
        description="For each old column what makes it of the new one",
        json_schema_extra={"metavar": "'COLUMN = EXPR'"},
    )
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
        into.require_way_back(self.back, "--back 'COLUMN = EXPR' for each column", one_way=self.one_way)
        following_views.examine_way_back(recreate=self.recreate_views, one_way=self.one_way)
        into.require_made((self.into, *self.back))
        return self


class MergeColumns(columns.PairKind[MergeColumnsSpec]):
    """The new side is made of all old columns, and each of them of the new one."""

    name: ClassVar[str] = "merge-columns"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Merge several columns into one."
    spec: ClassVar[type[Spec]] = MergeColumnsSpec

    def target(self, spec: MergeColumnsSpec) -> Target:
        return parse_target(spec.columns[0])

    def also(self, spec: MergeColumnsSpec) -> tuple[str, ...]:
        first, *others = map(parse_target, spec.columns)
        for number, each in enumerate(others, 1):
            if (each.schema, each.table) != (first.schema, first.table):
                raise BadName(
                    f"{spec.columns[0]} and {spec.columns[number]} are not of one table.",
                    why="Rows of two tables have no one row to be merged in. Name both tables alike.",
                )
            if each.column in (first.column, *(other.column for other in others[: number - 1])):
                raise BadName(f"{quote(each.column)} is named twice.")
        return tuple(each.column for each in others)

    def slug(self, spec: MergeColumnsSpec) -> str:
        return slug(f"merge {self.target(spec).table} {into.made(spec.into).name}")

    def question(self, spec: MergeColumnsSpec, snapshot: Snapshot) -> Question:
        names = (self.target(spec).column, *self.also(spec))
        olds = [columns.old_column(snapshot, name) for name in names]
        for column in olds:
            preflight.examine_merged(snapshot, column)
        made, backs = into.made(spec.into), into.backs(spec.back, names)
        preflight.examine_name(snapshot, made.name)
        return Question(
            names[0],
            made.name,
            hidden_name(names[0]),
            type=into.type_of(made, [column.type for column in olds]),
            using=made.expression,
            back=backs.get(names[0]),
            one_way=spec.one_way,
            old_more=tuple(FurtherOldAsked(name, hidden_name(name), backs.get(name)) for name in names[1:]),
            recreate_views=spec.recreate_views,
            rules=spec.rules(made.name),
        )


KIND = MergeColumns()
