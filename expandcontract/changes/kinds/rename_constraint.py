"""rename-constraint: another name for a constraint, which code seldom knows."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from expandcontract.changes import constraints, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import NameTaken
from expandcontract.model.names import quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer
from expandcontract.steps import rules
from expandcontract.steps.parts import Sentences

_OF_INDEXES = frozenset({constraints.UNIQUE, constraints.PRIMARY_KEY, constraints.EXCLUSION})


class RenameConstraintSpec(Spec):
    """`ec start rename-constraint users users_email_key users_email_unique`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    old: str = Field(description="The constraint", json_schema_extra={"positional": True})
    new: str = Field(description="Its new name", json_schema_extra={"positional": True})


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
        old, new = constraints.named(snapshot, spec.old), constraints.free_name(snapshot, spec.new)
        if old.kind in _OF_INDEXES and new in snapshot.taken_names:
            raise NameTaken(
                f"Something else in schema {quote(snapshot.table.schema)} is called {quote(new)}.",
                why=f"{quote(old.name)} is an index as well.",
            )
        names = f"{quote(old.name)} is called {quote(new)}"
        part = rules.renamed(snapshot.table, old.name, new, notes=tuple(_notes(old, new)))
        return compose(
            change,
            snapshot,
            (part,),
            Words(about=names, ready=names, contracted="", destroys=""),
            Sentences(f"{quote(new)} is called {quote(old.name)} again"),
            claims=old.columns,
        )


def _notes(old: constraints.Named, new: str) -> Iterator[Note]:
    if old.kind in _OF_INDEXES:
        yield Note.hazard(
            "on-constraint",
            f"INSERT ... ON CONFLICT ON CONSTRAINT {quote(old.name)} fails from start on: code should name "
            f"the columns. Errors speak of {quote(new)} from then on.",
            about=old.name,
        )
    else:
        yield Note("errors", f"Code that knows {quote(old.name)} from errors must know {quote(new)} as well.")


KIND = RenameConstraint()
