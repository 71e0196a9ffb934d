"""delete-rows: the DELETE of many rows, in small batches that stop nobody."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from expandcontract.changes import rows
from expandcontract.changes.kind import Kind, Spec
from expandcontract.changes.row_expressions import RowExpression
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import rows_written

#: What a foreign key says of a row that is deleted, and what that means for the rows that refer to it.
_ACTIONS = {
    "CASCADE": "its rows that refer to one are deleted with it, in the same transaction",
    "SET NULL": "its rows that refer to one are updated with it, in the same transaction",
    "SET DEFAULT": "its rows that refer to one are updated with it, in the same transaction",
}


class DeleteRowsSpec(Spec):
    """`ec start delete-rows sessions --where 'ended_at < now() - interval $$1 year$$'`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    where: str = Field(description="Which rows, as in DELETE ... WHERE")
    keep: bool = Field(
        default=False, description="Keep in the ledger what rows held before; ec rollback gives it back"
    )


class DeleteRows(Kind[DeleteRowsSpec]):
    """Rows that match are deleted; then none is left."""

    name: ClassVar[str] = "delete-rows"
    group: ClassVar[str] = "Data"
    help: ClassVar[str] = "Delete rows in a sweep, until none is left that matches."
    spec: ClassVar[type[Spec]] = DeleteRowsSpec

    def slug(self, spec: DeleteRowsSpec) -> str:
        return slug(f"delete from {parse_table(spec.table).table}")

    def question(self, spec: DeleteRowsSpec, snapshot: Snapshot) -> Trial:
        if spec.keep:
            rows.examine_kept(snapshot, ())
        delete = f"DELETE FROM pg_temp.ec_clone AS {quote(snapshot.table.name)}"
        return rows.trial(snapshot, _expressions(spec), delete, f"--where {spec.where!r}")

    def compile(
        self, change: Change, spec: DeleteRowsSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        made = rows.functions(change, snapshot, _expressions(spec), judgement, ledger_schema)
        notes = (*rows.fired(snapshot, "DELETE"), *_referring(snapshot, keep=spec.keep))
        part = rows_written.deleted(snapshot, made[0], notes, keep=spec.keep)
        about = f"DELETE WHERE {spec.where}"
        return rows.plan(change, snapshot, part, made, about, claims=(), keep=spec.keep)


def _expressions(spec: DeleteRowsSpec) -> list[RowExpression]:
    return [RowExpression(spec.where, "boolean", "--where")]


def _referring(snapshot: Snapshot, *, keep: bool) -> Iterator[Note]:
    kept = "; of them nothing is kept" if keep else ""
    for key in snapshot.constraints:
        if not key.inbound or key.kind != "f":
            continue
        who = f"{key.table} refers to {snapshot.table} by foreign key {quote(key.name)}"
        action = _ACTIONS.get(key.on_delete)
        if action is not None:
            yield Note.hazard("referring", f"{who}: {action}{kept}.", about=f"{key.table}.{key.name}")
        else:
            yield Note("referred-to", f"{who}: the backfill stops at a row that one of its rows refers to.")


KIND = DeleteRows()
