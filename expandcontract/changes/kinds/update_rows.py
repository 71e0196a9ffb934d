"""update-rows: the UPDATE of many rows, in small batches that stop nobody."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import fields, outside, rows
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import rows_written
from expandcontract.steps.rows_written import Assignment


class UpdateRowsSpec(Spec):
    """`ec start update-rows users --set 'email = lower(email)' --where 'email <> lower(email)'`."""

    table: str = fields.table()
    set: tuple[str, ...] = Field(
        description="COL = EXPR, over any columns of the row, or COL alone with --transform; more than once "
        "for more columns",
        min_length=1,
    )
    where: str = Field(description="Which rows, as in UPDATE ... WHERE")
    transform: str | None = outside.option(
        "Python function that makes the values of the row, a mapping, where SQL cannot"
    )
    keep: bool = fields.keep()


class UpdateRows(Kind[UpdateRowsSpec]):
    """Rows that match, and are not yet as they shall be, are written; then none is left."""

    name: ClassVar[str] = "update-rows"
    group: ClassVar[str] = "Data"
    help: ClassVar[str] = "Update rows in a sweep, until none is left that matches."
    spec: ClassVar[type[Spec]] = UpdateRowsSpec

    def slug(self, spec: UpdateRowsSpec) -> str:
        columns = " ".join(each.partition("=")[0] for each in spec.set)
        return slug(f"update {parse_table(spec.table).table} {columns}")

    def question(self, spec: UpdateRowsSpec, snapshot: Snapshot) -> Trial:
        setting = _setting(spec, snapshot)
        if spec.keep:
            rows.examine_kept(snapshot, setting.columns)
        what = f"{' '.join(spec.set)} WHERE {spec.where}"
        return rows.trial(snapshot, setting.expressions, setting.update(snapshot), what)

    def compile(
        self, change: Change, spec: UpdateRowsSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        setting, notes = _setting(spec, snapshot), tuple(rows.fired(snapshot, "UPDATE"))
        made = rows.functions(change, snapshot, setting.expressions, judgement, ledger_schema)
        (where, *values), columns = made, setting.columns
        about = f"SET {', '.join(spec.set)} WHERE {spec.where}"
        if spec.transform is None:
            assignments = [Assignment(*each) for each in zip(columns, values, strict=True)]
            part = rows_written.updated(snapshot, where, assignments, notes, keep=spec.keep)
        else:
            outside.examine_condition(where, columns)
            about = f"SET {', '.join(spec.set)} BY {spec.transform} WHERE {spec.where}"
            part = rows_written.transformed(snapshot, where, columns, spec.transform, notes, keep=spec.keep)
        claims = tuple(each.name for each in columns)
        return rows.plan(change, snapshot, part, made, about, claims=claims, keep=spec.keep)


def _setting(spec: UpdateRowsSpec, snapshot: Snapshot) -> rows.Setting:
    return rows.setting(snapshot, spec.set, spec.where, outside=spec.transform is not None)


KIND = UpdateRows()
