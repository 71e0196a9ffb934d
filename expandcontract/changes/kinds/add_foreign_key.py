"""add-foreign-key: rows that refer to nothing are counted first, and refused from contract on."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from expandcontract.changes import constraints, preflight, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.key_actions import KeyAction, actions
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.chosen_names import chosen
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import (
    RelationName,
    Target,
    parse_columns,
    quote,
    slug,
)
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.model.site import Site
from expandcontract.model.step import LockMode
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial, reference
from expandcontract.steps import rules, tables
from expandcontract.steps.parts import Part
from expandcontract.steps.references import Reference

#: A partitioned table takes a foreign key that is NOT VALID from 18 on.
_NOT_VALID_OF_PARTITIONED_SINCE = 180000


class AddForeignKeySpec(Spec):
    """`ec start add-foreign-key orders.customer_id customers.id --on-delete cascade`."""

    columns: str = Field(
        description="The referring columns: [schema.]table.column[,column...]",
        json_schema_extra={"positional": True},
    )
    references: str = Field(
        description="What they refer to: [schema.]table.column[,column...], or a table: its primary key",
        json_schema_extra={"positional": True},
    )
    name: str | None = Field(None, description="The constraint's name; default: as PostgreSQL would choose")
    on_delete: KeyAction = Field(KeyAction.NO_ACTION, description="When the row referred to is deleted")
    on_update: KeyAction = Field(KeyAction.NO_ACTION, description="When the row referred to gets another key")
    match_full: bool = Field(default=False, description="MATCH FULL: all columns have a value, or none has")
    deferrable: bool = Field(default=False, description="SET CONSTRAINTS may put it off to the commit")


class AddForeignKey(Kind[AddForeignKeySpec]):
    """Rows that refer to nothing are counted; contract begins with NOT VALID and validates."""

    name: ClassVar[str] = "add-foreign-key"
    group: ClassVar[str] = "Constraints"
    help: ClassVar[str] = "Add a foreign key to a table."
    spec: ClassVar[type[Spec]] = AddForeignKeySpec

    def target(self, spec: AddForeignKeySpec) -> Target:
        return parse_columns(spec.columns)[0]

    def slug(self, spec: AddForeignKeySpec) -> str:
        target = parse_columns(spec.columns)[0]
        return slug(f"refer from {target.table} {target.column}")

    def question(self, spec: AddForeignKeySpec, snapshot: Snapshot) -> Trial:
        table_shape.examine(snapshot)
        columns = parse_columns(spec.columns)[1]
        for column in columns:
            preflight.column(snapshot, column)
        options = "MATCH FULL " if spec.match_full else ""
        options += actions(spec.on_delete, spec.on_update) + (" DEFERRABLE" if spec.deferrable else "")
        return Trial(
            tuple(reference.statements(columns, spec.references, options)),
            reference.QUERY,
            f"{spec.columns} with REFERENCES {spec.references}",
        )

    def refers(self, spec: AddForeignKeySpec, judgement: Answer) -> tuple[Referred, ...]:
        del spec
        schema, table, _, key, _ = _said(judgement)
        return (Referred(RelationName(schema, table), tuple(reference.compared(key)[0])),)

    def compile(
        self,
        change: Change,
        spec: AddForeignKeySpec,
        snapshot: Snapshot,
        judgement: Answer,
        ledger_schema: str,
    ) -> Plan:
        del ledger_schema
        columns = parse_columns(spec.columns)[1]
        (referred,) = snapshot.referred
        _examine(snapshot)
        name = chosen(snapshot.table.name, "_".join(columns), "fkey", snapshot.taken_names)
        if spec.name is not None:
            name = constraints.free_name(snapshot, spec.name)
        _, _, kind, key, rest = _said(judgement)
        after = rest.removesuffix(" NOT VALID")
        rule = f"FOREIGN KEY {tables.column_list(columns)} REFERENCES {referred.table.sql}{after}"
        broken = Reference(
            columns,
            referred.table,
            referred.columns,
            reference.compared(key)[1],
            full=spec.match_full,
            partitioned=kind == "p",
        ).broken()
        return compose(
            change,
            snapshot,
            (
                rules.looked_for(snapshot, broken, rule),
                rules.constraint(
                    snapshot.table,
                    name,
                    rule,
                    rule=rule,
                    lock=LockMode.SHARE_ROW_EXCLUSIVE,
                    others=(referred.table,) if referred.table != snapshot.table else (),
                ),
                Part(notes=tuple(_notes(snapshot, columns, referred))),
            ),
            Words(
                about=f"{quote(name)}: {rule}",
                ready=f"nothing is refused yet; from contract on code must keep {rule}",
                contracted=f"{quote(name)} refuses rows that refer to nothing",
                destroys="",
                broken=f"refer to nothing in {referred.table}",
            ),
            rules.sentences(name),
            claims=columns,
            uses=referred.columns if referred.table == snapshot.table else (),
            others=() if referred.table == snapshot.table else (Site(referred.table, uses=referred.columns),),
        )


def _said(judgement: Answer) -> tuple[str, ...]:
    ((*said,),) = judgement.rows if isinstance(judgement, Answers) else ((),)
    return tuple(map(str, said))


def _examine(snapshot: Snapshot) -> None:
    if snapshot.relation.partitioned and snapshot.server_version < _NOT_VALID_OF_PARTITIONED_SINCE:
        raise UnsupportedShape(
            f"{snapshot.table} has partitions.",
            why="Before PostgreSQL 18 it takes no foreign key without a scan that stops writes. Add it to "
            "each partition, then to the table: that finds them, and scans nothing.",
        )


def _notes(snapshot: Snapshot, columns: tuple[str, ...], referred: Referred) -> Iterator[Note]:
    led = (index.key_columns[: len(columns)] for index in snapshot.indexes)
    if not any(set(leading) == set(columns) for leading in led):
        listed = tables.column_list(columns)
        yield Note(
            "no-index",
            f"No index of {snapshot.table} begins with {listed}: each DELETE in {referred.table}, and each "
            f"UPDATE of its key, reads {snapshot.table} from end to end. First: ec start add-index "
            f"{snapshot.table} {', '.join(map(quote, columns))}",
        )


KIND = AddForeignKey()
