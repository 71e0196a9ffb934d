"""validate-constraint: rows from before a NOT VALID constraint are looked at while everything goes on."""

from typing import ClassVar

from expandcontract.changes import constraints, fields, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import rules
from expandcontract.steps.parts import Sentences


class ValidateConstraintSpec(Spec):
    """`ec start validate-constraint orders orders_user_id_fkey`."""

    table: str = fields.table()
    name: str = fields.positional("The constraint")


class ValidateConstraint(Kind[ValidateConstraintSpec]):
    """It refuses no write that it did not refuse before; rollback makes it NOT VALID again."""

    name: ClassVar[str] = "validate-constraint"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Validate a NOT VALID constraint."
    spec: ClassVar[type[Spec]] = ValidateConstraintSpec

    def slug(self, spec: ValidateConstraintSpec) -> str:
        return slug(f"validate {spec.name}")

    def compile(
        self,
        change: Change,
        spec: ValidateConstraintSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del judgement, ledger_schema
        table_shape.examine(snapshot)
        found = constraints.named(snapshot, spec.name)
        name = quote(found.name)
        if not found.enforced:
            raise UnsupportedShape(
                f"{name} is NOT ENFORCED.", why="What is not enforced cannot be validated."
            )
        if found.validated:
            raise UnsupportedShape(f"{name} is validated already.", why="There is nothing to look at.")
        return compose(
            change,
            snapshot,
            (rules.validated(snapshot, constraints.standing(snapshot, found)),),
            Words(
                about=f"{name} validated",
                ready=f"every row keeps {name}",
                broken=f"break {name}",
            ),
            Sentences(f"{name} is NOT VALID again"),
            claims=found.columns,
        )


KIND = ValidateConstraint()
