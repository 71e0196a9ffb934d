"""drop-constraint: gone at contract, and made again by undo without stopping anybody."""

from typing import ClassVar

from pydantic import Field

from expandcontract.changes import constraints, table_shape
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


class DropConstraintSpec(Spec):
    """`ec start drop-constraint users users_email_key`."""

    table: str = Field(description="The table: [schema.]table", json_schema_extra={"positional": True})
    name: str = Field(description="The constraint", json_schema_extra={"positional": True})


class DropConstraint(Kind[DropConstraintSpec]):
    """A CHECK or foreign key comes back NOT VALID and is validated, a UNIQUE by its index."""

    name: ClassVar[str] = "drop-constraint"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Drop a CHECK, foreign key or UNIQUE constraint."
    spec: ClassVar[type[Spec]] = DropConstraintSpec

    def slug(self, spec: DropConstraintSpec) -> str:
        return slug(f"drop {spec.name}")

    def compile(
        self,
        change: Change,
        spec: DropConstraintSpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del judgement, ledger_schema
        table_shape.examine(snapshot)
        found = constraints.named(snapshot, spec.name)
        _examine(snapshot, found)
        name, said = quote(found.name), f"{quote(found.name)}: {found.definition}"
        return compose(
            change,
            snapshot,
            (rules.dropped(snapshot, constraints.standing(snapshot, found)),),
            Words(
                about=f"without {said}",
                ready=f"nothing was dropped yet; code must not rest on {name} from contract on",
                contracted=f"{name} is gone",
                destroys="",
                broken=f"break {name}",
            ),
            Sentences(
                contract=f"drop {said}",
                undo=f"{name} stands again",
                rollback="nothing was dropped yet",
                purge=f"close the change: {name} stays dropped",
            ),
            claims=found.columns,
            uses=found.other_columns if found.other_table == snapshot.table else (),
            others=constraints.referred(snapshot, found),
        )


def _examine(snapshot: Snapshot, found: constraints.Named) -> None:
    name, table = quote(found.name), snapshot.table
    match found.kind:
        case constraints.NOT_NULL:
            column = f"{table}.{quote(found.columns[0])}"
            raise UnsupportedShape(f"{name} is a NOT NULL.", next=f"ec start drop-not-null {column}")
        case constraints.PRIMARY_KEY:
            raise UnsupportedShape(f"{name} is the primary key of {table}.", why="Rows are named by it.")
        case constraints.EXCLUSION:
            raise UnsupportedShape(
                f"{name} excludes.",
                why="Undo could build such a constraint only under a lock that stops everybody.",
                next=f"ALTER TABLE {table} DROP CONSTRAINT {name}, which is instant, if you need no way back",
            )
        case constraints.UNIQUE:
            _examine_unique(snapshot, found)
        case _:
            pass
    if not found.enforced:
        raise UnsupportedShape(
            f"{name} is NOT ENFORCED.",
            why="It refuses nothing: no code can rest on it.",
            next=f"ALTER TABLE {table} DROP CONSTRAINT {name}, which is instant",
        )


def _examine_unique(snapshot: Snapshot, found: constraints.Named) -> None:
    name = quote(found.name)
    index = next(each for each in snapshot.indexes if each.constraint == found.name)
    if index.replica_identity:
        raise UnsupportedShape(f"{name} is the replica identity.", why="Choose another one first.")
    if snapshot.relation.partitioned:
        raise UnsupportedShape(
            f"{name} is on a partitioned table.",
            why="PostgreSQL builds no index of one concurrently, which undo would need.",
        )
    for key in snapshot.constraints:
        if key.inbound and set(key.other_columns) == set(index.key_columns):
            raise UnsupportedShape(
                f"{key.table} refers to {', '.join(map(quote, key.other_columns))} by foreign key "
                f"{quote(key.name)}, which rests on {name}.",
                why="Drop it first.",
                next=f"ec start drop-constraint {key.table} {quote(key.name)}",
            )


KIND = DropConstraint()
