"""update-rows: the UPDATE of many rows, in small batches that stop nobody."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import rows
from expandcontract.changes.kind import Kind, Spec
from expandcontract.changes.row_expressions import RowExpression
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import rows_written
from expandcontract.steps.rows_written import Assignment


class UpdateRowsSpec(Spec):
    """`ec start update-rows users --set 'email = lower(email)' --where 'email <> lower(email)'`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    set: tuple[str, ...] = Field(
        description="COL = EXPR, over any columns of the row; more than once for more columns", min_length=1
    )
    where: str = Field(description="Which rows, as in UPDATE ... WHERE")
    keep: bool = Field(
        default=False, description="Keep in the ledger what rows held before; ec rollback gives it back"
    )


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
        assigned = rows.assigned(snapshot, spec.set)
        if spec.keep:
            rows.examine_kept(snapshot, [column for column, _ in assigned])
        listed = ", ".join(f"{quote(column.name)} = ({text})" for column, text in assigned)
        update = f"UPDATE pg_temp.ec_clone AS {quote(snapshot.table.name)} SET {listed}"
        return rows.trial(
            snapshot, _expressions(spec, snapshot), update, f"{' '.join(spec.set)} WHERE {spec.where}"
        )

    def compile(
        self, change: Change, spec: UpdateRowsSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        columns = [column for column, _ in rows.assigned(snapshot, spec.set)]
        made = rows.functions(change, snapshot, _expressions(spec, snapshot), judgement, ledger_schema)
        assignments = [Assignment(*each) for each in zip(columns, made[1:], strict=True)]
        notes = tuple(rows.fired(snapshot, "UPDATE"))
        part = rows_written.updated(snapshot, made[0], assignments, notes, keep=spec.keep)
        claims = tuple(each.name for each in columns)
        about = f"SET {', '.join(spec.set)} WHERE {spec.where}"
        return rows.plan(change, snapshot, part, made, about, claims=claims, keep=spec.keep)


def _expressions(spec: UpdateRowsSpec, snapshot: Snapshot) -> list[RowExpression]:
    values = [RowExpression(text, column.type, "--set") for column, text in rows.assigned(snapshot, spec.set)]
    return [RowExpression(spec.where, "boolean", "--where"), *values]


KIND = UpdateRows()
