"""set-not-null: rows without a value are counted and named first, and refused from contract on."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import fills, preflight, row_expressions
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import of_row, parse_target, quote, slug, sync_schema
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import breaches, filling, rules
from expandcontract.steps.filling import Filling
from expandcontract.steps.parts import Part, Sentences


class SetNotNullSpec(Spec):
    """`ec start set-not-null users.email`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    fill: str | None = Field(
        None, description="What rows without a value get until contract, of columns of the row."
    )


class SetNotNull(Kind[SetNotNullSpec]):
    """Nothing is scanned under a lock that stops anybody: what was validated spares NOT NULL its scan."""

    name: ClassVar[str] = "set-not-null"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Make a column NOT NULL."
    spec: ClassVar[type[Spec]] = SetNotNullSpec

    def slug(self, spec: SetNotNullSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"set {target.table} {target.column} not null")

    def question(self, spec: SetNotNullSpec, snapshot: Snapshot) -> Trial | None:
        return None if spec.fill is None else fills.trial(snapshot, _column(spec, snapshot), spec.fill)

    def compile(
        self, change: Change, spec: SetNotNullSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        column = _column(spec, snapshot)
        name, rule = quote(column.name), rules.not_null(snapshot, column)
        filled = _filling(change, spec, snapshot, column, judgement, ledger_schema)
        broken = f"t.{name} IS NOT DISTINCT FROM NULL"
        said = f"NOT NULL of {name}"
        new = f"{of_row('NEW', column.name)} IS NOT DISTINCT FROM NULL"
        noted = breaches.of(change, snapshot, new, said, ledger_schema)
        first: tuple[Part, ...] = (breaches.part(noted), rules.looked_for(snapshot, broken, said))
        if filled is not None:
            first = (filling.part(filled),)
        return compose(
            change,
            snapshot,
            (*first, rule),
            _words(name, filled),
            Sentences(
                contract=f"{name} is NOT NULL",
                undo=f"{name} may be NULL again",
                rollback="nobody is noted any more" if filled is None else f"nothing fills {name} any more",
                purge=f"close the change: {name} stays NOT NULL",
            ),
            claims=(column.name,),
            uses=() if filled is None else row_expressions.used([filled.value], (column.name,)),
        )


def _column(spec: SetNotNullSpec, snapshot: Snapshot) -> Column:
    """Return the column. Raises UnsupportedShape where it must have a value already."""
    column = preflight.column(snapshot, parse_target(spec.column).column)
    name, table = quote(column.name), snapshot.table
    if column.not_null and not column.not_null_valid:
        raise UnsupportedShape(
            f"{name} of {table} is NOT NULL already, but not validated.",
            next=f"ec start validate-constraint {table} {quote(column.not_null_name or '')}",
        )
    if column.not_null:
        raise UnsupportedShape(f"{name} of {table} is NOT NULL already.", why="There is nothing to set.")
    return column


def _filling(
    change: Change,
    spec: SetNotNullSpec,
    snapshot: Snapshot,
    column: Column,
    answer: Answer,
    ledger_schema: str,
) -> Filling | None:
    if spec.fill is None:
        return None
    schema = sync_schema(ledger_schema)
    by = fills.value(change, snapshot, column.type, spec.fill, answer, schema)
    return fills.filling(change, snapshot, column.name, by, schema)


def _words(name: str, filled: Filling | None) -> Words:
    now = "nothing is refused yet" if filled is None else f"{name} has a value in every row"
    return Words(
        about=f"{name} NOT NULL",
        ready=f"{now}; code must give {name} a value from contract on",
        contracted=f"a row without {name} is refused",
        destroys="",
        broken=f"have no value in {name}",
        stays="" if filled is None else f"Values that {name} was given stay.",
    )


KIND = SetNotNull()
