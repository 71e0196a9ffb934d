"""change-type: a column with another type, under a new name, after contract under its own, or at once."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import columns, fields, following_views, instant_type, outside, preflight
from expandcontract.changes.kind import Spec
from expandcontract.changes.left_rules import OneFreed
from expandcontract.model.change import Change, Unfit
from expandcontract.model.errors import NameTaken
from expandcontract.model.names import Target, hidden_name, parse_column, parse_target, quote, shorten, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Question, Trial


class ChangeTypeSpec(OneFreed):
    """`ec start change-type orders.total --type bigint --to total_cents`, or `--swap` to keep the name."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    type: str = Field(description="Its new type, as in CREATE TABLE")
    to: str | None = Field(None, description="The new column's name, which new code uses")
    swap: bool = Field(
        default=False,
        description="Give the new column the old one's name at contract; code must accept both types",
    )
    using: str | None = Field(
        None,
        description="Expression for the new value, over the old column and others; default: a cast",
    )
    back: str | None = Field(
        None, description="Expression for the old value, over the new column; default: a cast"
    )
    transform: str | None = outside.option(
        "Python function that makes the new value of the old one, where SQL cannot; one-way"
    )
    one_way: bool = Field(
        default=False, description="Nothing goes back: old code does not see what new code writes"
    )
    unfit: Unfit = Field(
        Unfit.REFUSE,
        description="A value that the other side cannot hold: refuse the write, record it or accept the loss",
    )
    instant: bool = Field(
        default=False,
        description="Alter the column itself, where PostgreSQL looks at no row for it; code must accept both",
    )
    upsert_new: bool = Field(default=False, description=columns.UPSERT_NEW)
    recreate_views: bool = Field(default=False, description=following_views.RECREATE_VIEWS)
    names: fields.NewNames = fields.names()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.to is not None) + self.swap + self.instant != 1:
            raise ValueError("give either --to NEWNAME, --swap or --instant")
        if self.instant:
            self._instant_alone()
        if self.names and self.to is None:
            raise ValueError("--names goes with --to: otherwise everything keeps its name")
        if self.upsert_new and self.swap:
            raise ValueError("--upsert-new and --swap exclude each other: code keeps the column's name")
        if self.ruled and (self.to is None or self.transform is not None):
            raise ValueError(
                "rules of the new side go with --to, and not with --transform: who must keep them?"
            )
        if self.transform is not None:
            self._transform_alone()
        if self.one_way and self.back is not None:
            raise ValueError("--one-way and --back exclude each other")
        if self.one_way and self.swap:
            raise ValueError(
                "--one-way and --swap exclude each other: old code would lose the column's name with no "
                "way back"
            )
        return self

    def _instant_alone(self) -> None:
        for option, given in (
            ("--using", self.using is not None),
            ("--back", self.back is not None),
            ("--transform", self.transform is not None),
            ("--one-way", self.one_way),
            ("--unfit", self.unfit != Unfit.REFUSE),
            ("--upsert-new", self.upsert_new),
            ("--recreate-views", self.recreate_views),
            ("--comment", self.comment is not None),
        ):
            if given:
                raise ValueError(f"--instant and {option} exclude each other: there is no second column")

    def _transform_alone(self) -> None:
        for option, given in (
            ("--using", self.using is not None),
            ("--back", self.back is not None),
            ("--swap", self.swap),
            ("--unfit", self.unfit != Unfit.REFUSE),
        ):
            if given:
                raise ValueError(f"--transform and {option} exclude each other")


class ChangeType(columns.PairKind[ChangeTypeSpec]):
    """Two columns of two types; forward and back keep them in sync."""

    name: ClassVar[str] = "change-type"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Change a column's type."
    spec: ClassVar[type[Spec]] = ChangeTypeSpec

    def target(self, spec: ChangeTypeSpec) -> Target:
        target = parse_target(spec.column)
        if spec.to is not None and parse_column(spec.to) == target.column:
            raise NameTaken(
                f"The new name of {target} equals the old one: {quote(target.column)}.",
                next="Use --swap to keep the name.",
            )
        return target

    def slug(self, spec: ChangeTypeSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"change {target.table} {target.column} type")

    def question(self, spec: ChangeTypeSpec, snapshot: Snapshot) -> Question | Trial:
        if spec.instant:
            return instant_type.question(snapshot, parse_target(spec.column).column, spec.type)
        return self._pair(spec, snapshot)

    def compile(
        self, change: Change, spec: ChangeTypeSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        if spec.instant:
            return instant_type.compose(change, snapshot, parse_target(spec.column).column, judgement)
        return super().compile(change, spec, snapshot, judgement, ledger_schema)

    def _pair(self, spec: ChangeTypeSpec, snapshot: Snapshot) -> Question:
        column = columns.old_column(snapshot, parse_target(spec.column).column)
        new = shorten(f"~ec_new_{column.name}") if spec.to is None else parse_column(spec.to)
        preflight.examine_name(snapshot, new, ours=spec.to is None)
        return Question(
            column.name,
            new,
            hidden_name(column.name),
            type=spec.type,
            using=spec.using,
            back=spec.back,
            one_way=spec.one_way or spec.transform is not None,
            back_column=column.name if spec.swap else "",
            function=spec.transform or "",
            upsert_new=spec.upsert_new,
            recreate_views=spec.recreate_views,
            rules=spec.rules(new),
            names=fields.parsed(spec.names),
            left=spec.left(),
        )


KIND = ChangeType()
