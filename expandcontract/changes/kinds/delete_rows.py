"""delete-rows: the DELETE of many rows, in small batches that stop nobody."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import fields, rows
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import parse_table, quote, slug
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import rows_written


class DeleteRowsSpec(Spec):
    """`ec start delete-rows sessions --where 'ended_at < now() - interval $$1 year$$'`."""

    table: str = fields.table()
    where: str = Field(description="Which rows, as in DELETE ... WHERE")
    keep: bool = fields.keep()


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
        return rows.trial(snapshot, [rows.condition(spec.where)], delete, f"--where {spec.where!r}")

    def compile(
        self, change: Change, spec: DeleteRowsSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        made = rows.functions(change, snapshot, [rows.condition(spec.where)], judgement, ledger_schema)
        notes = (*rows.fired(snapshot, "DELETE"), *rows.referring(snapshot, keep=spec.keep))
        part = rows_written.deleted(snapshot, made[0], notes, keep=spec.keep)
        about = f"DELETE WHERE {spec.where}"
        return rows.plan(change, snapshot, part, made, about, claims=(), keep=spec.keep)


KIND = DeleteRows()
