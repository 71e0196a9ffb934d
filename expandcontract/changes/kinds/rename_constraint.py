"""rename-constraint: another name for a constraint, which code seldom knows."""

from typing import ClassVar

from expandcontract.changes import constraints, fields, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.names import quote, slug
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import rules
from expandcontract.steps.parts import Sentences


class RenameConstraintSpec(Spec):
    """`ec start rename-constraint users users_email_key users_email_unique`."""

    table: str = fields.table()
    old: str = fields.positional("The constraint")
    new: str = fields.positional("Its new name")


class RenameConstraint(Kind[RenameConstraintSpec]):
    """Instant; an index that stands for it is renamed along."""

    name: ClassVar[str] = "rename-constraint"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Rename a constraint."
    spec: ClassVar[type[Spec]] = RenameConstraintSpec

    def slug(self, spec: RenameConstraintSpec) -> str:
        return slug(f"rename {spec.old} to {spec.new}")

    def compile(
        self,
        change: Change,
        spec: RenameConstraintSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del judgement, ledger_schema
        table_shape.examine(snapshot)
        old = constraints.named(snapshot, spec.old)
        new = constraints.free_name(snapshot, spec.new, of=old)
        names = f"{quote(old.name)} is called {quote(new)}"
        part = rules.renamed(snapshot.table, old.name, new, notes=tuple(constraints.renamed(old, new)))
        return compose(
            change,
            snapshot,
            (part,),
            Words(about=names, ready=names),
            Sentences(f"{quote(new)} is called {quote(old.name)} again"),
            claims=old.columns,
        )


KIND = RenameConstraint()
