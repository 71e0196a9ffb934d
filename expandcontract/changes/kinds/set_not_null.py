"""set-not-null: rows without a value are counted and named first, and refused from contract on."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import preflight
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import Target, parse_target, quote, slug
from expandcontract.model.plan import Plan, Words
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import rules
from expandcontract.steps.parts import Sentences


class SetNotNullSpec(Spec):
    """`ec start set-not-null users.email`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )


class SetNotNull(Kind[SetNotNullSpec]):
    """Nothing is scanned under a lock that stops anybody: what was validated spares NOT NULL its scan."""

    name: ClassVar[str] = "set-not-null"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Make a column NOT NULL."
    spec: ClassVar[type[Spec]] = SetNotNullSpec

    def target(self, spec: SetNotNullSpec) -> Target:
        return parse_target(spec.column)

    def slug(self, spec: SetNotNullSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"set {target.table} {target.column} not null")

    def compile(
        self, change: Change, spec: SetNotNullSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del judgement, ledger_schema
        column = preflight.column(snapshot, parse_target(spec.column).column)
        name, table = quote(column.name), snapshot.table
        if column.not_null and not column.not_null_valid:
            raise UnsupportedShape(
                f"{name} of {table} is NOT NULL already, but not validated.",
                next=f"ec start validate-constraint {table} {quote(column.not_null_name or '')}",
            )
        if column.not_null:
            raise UnsupportedShape(f"{name} of {table} is NOT NULL already.", why="There is nothing to set.")
        broken = f"t.{name} IS NOT DISTINCT FROM NULL"
        return compose(
            change,
            snapshot,
            (rules.looked_for(snapshot, broken, f"NOT NULL of {name}"), rules.not_null(snapshot, column)),
            Words(
                about=f"{name} NOT NULL",
                ready=f"nothing is refused yet; code must give {name} a value from contract on",
                contracted=f"a row without {name} is refused",
                destroys="",
                broken=f"have no value in {name}",
            ),
            Sentences(
                contract=f"{name} is NOT NULL",
                undo=f"{name} may be NULL again",
                rollback="nothing was added yet",
                purge=f"close the change: {name} stays NOT NULL",
            ),
            claims=(column.name,),
        )


KIND = SetNotNull()
