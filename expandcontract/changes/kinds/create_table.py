"""create-table: a table, with whatever foreign keys it has to tables that are in use."""

from typing import ClassVar

from expandcontract.changes import created_table, fields
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import Target, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres import new_table
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps.parts import Part, Sentences


class CreateTableSpec(Spec):
    """`ec start create-table 'CREATE TABLE notes (id bigint PRIMARY KEY, who bigint REFERENCES users)'`."""

    statement: str = fields.positional("CREATE TABLE ..., as in psql")


class CreateTable(Kind[CreateTableSpec]):
    """Ready when the table is there; a rollback drops it, and its rows only where somebody says so."""

    name: ClassVar[str] = "create-table"
    group: ClassVar[str] = "Tables"
    help: ClassVar[str] = "Create a table."
    spec: ClassVar[type[Spec]] = CreateTableSpec
    makes_table: ClassVar[bool] = True

    def target(self, spec: CreateTableSpec) -> Target:
        return created_table.named(spec.statement)

    def slug(self, spec: CreateTableSpec) -> str:
        return slug(f"create table {created_table.named(spec.statement).table}")

    def question(self, spec: CreateTableSpec, snapshot: Snapshot) -> Trial:
        del snapshot
        made = created_table.statement(spec.statement)
        return Trial((made,), new_table.QUERY, "the statement")

    def compile(
        self,
        change: Change,
        spec: CreateTableSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del ledger_schema
        made = created_table.examined(new_table.read(judgement), self.target(spec))
        part = Part(
            expand=(created_table.create(made, spec.statement),),
            rollback=(f"DROP TABLE IF EXISTS {made.table.sql}",),
            also_locked=tuple(created_table.keyed(made)),
            notes=tuple(created_table.notes(made)),
        )
        return compose(
            change,
            snapshot,
            (part,),
            Words(about=f"create {made.table}", ready=f"{made.table} is there"),
            Sentences(rollback=f"drop {made.table}, where it has no rows"),
            claims=(),
            others=created_table.sites(made),
            makes_table=True,
        )


KIND = CreateTable()
