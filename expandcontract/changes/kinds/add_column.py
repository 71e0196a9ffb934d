"""add-column: at once where PostgreSQL rewrites nothing, and filled row by row where it would."""

import re
import shlex
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator

from expandcontract.changes import fills, new_column, preflight, row_expressions, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.key_actions import KeyAction
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import BadExpression
from expandcontract.model.names import (
    RelationName,
    Target,
    literal,
    parse_target,
    quote,
    shorten,
    slug,
    sync_schema,
)
from expandcontract.model.notes import Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import Answer, Trial
from expandcontract.steps import filling
from expandcontract.steps import new_column as steps
from expandcontract.steps.filling import Filling
from expandcontract.steps.new_column import NewColumn
from expandcontract.steps.parts import Sentences

_SERIAL = re.compile(r"(?i)\s*(big|small)?serial[248]?\s*")
_VIRTUAL_SINCE = 180000


class AddColumnSpec(Spec):
    """`ec start add-column users.token uuid --default 'gen_random_uuid()'`."""

    column: str = Field(
        description="The column: [schema.]table.column", json_schema_extra={"positional": True}
    )
    type: str = Field(description="Its type, as in CREATE TABLE", json_schema_extra={"positional": True})
    default: str | None = Field(None, description="Its default. A volatile one is given to each old row.")
    fill: str | None = Field(
        None,
        description="What rows that are there get, of columns of the row; without --default new ones too.",
    )
    not_null: bool = Field(default=False, description="Every row has a value: needs --default or --fill.")
    unique: bool = Field(default=False, description="No two rows may have the same value.")
    references: str | None = Field(None, description="What it refers to: [schema.]table[.column]")
    on_delete: KeyAction = Field(KeyAction.NO_ACTION, description="When the row referred to is deleted")
    on_update: KeyAction = Field(KeyAction.NO_ACTION, description="When the row referred to gets another key")
    check: str | None = Field(None, description="What must hold of every row, as in CHECK (...)")
    generated: str | None = Field(None, description="Computed when it is read (VIRTUAL, PostgreSQL 18)")
    comment: str | None = Field(None, description="Its comment.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.not_null and self.default is None and self.fill is None:
            raise ValueError("--not-null needs a value for rows that are there: --default or --fill")
        if self.generated is not None and (self.default is not None or self.fill is not None or self.unique):
            raise ValueError("a column that is computed takes no --default, --fill, --not-null or --unique")
        if self.references is None and (self.on_delete, self.on_update) != (KeyAction.NO_ACTION,) * 2:
            raise ValueError("--on-delete and --on-update say what --references does")
        if self.references is not None and (self.generated is not None or self.fill is not None):
            raise ValueError("with --fill or --generated: ec start add-foreign-key afterwards")
        if self.fill is not None and self.unique:
            raise ValueError("with --fill two rows may get the same value: ec start add-unique afterwards")
        return self


class AddColumn(Kind[AddColumnSpec]):
    """It is there at once; rollback drops it. Old code goes on without knowing of it."""

    name: ClassVar[str] = "add-column"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Add a column, without a rewrite whatever its default."
    spec: ClassVar[type[Spec]] = AddColumnSpec

    def target(self, spec: AddColumnSpec) -> Target:
        return replace(parse_target(spec.column), column="")

    def slug(self, spec: AddColumnSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"add {target.table} {target.column}")

    def question(self, spec: AddColumnSpec, snapshot: Snapshot) -> Trial:
        name = parse_target(spec.column).column
        table_shape.examine(snapshot)
        preflight.examine_added(snapshot, name)
        _refuse_serial(spec, snapshot)
        if spec.generated is not None and snapshot.server_version < _VIRTUAL_SINCE:
            raise BadExpression(
                "A generated column is stored before PostgreSQL 18, which writes every row anew.",
                why="That takes a lock that stops everybody for as long.",
                next=f"a plain column, kept by a trigger of your own: ec start add-column {spec.column} TYPE",
            )
        return new_column.trial(
            snapshot,
            name,
            spec.type,
            default=spec.default,
            generated=spec.generated,
            check=spec.check,
            fill=spec.fill,
            references=spec.references,
            on_delete=spec.on_delete,
            on_update=spec.on_update,
        )

    def refers(self, spec: AddColumnSpec, judgement: Answer) -> tuple[Referred, ...]:
        del spec
        return new_column.referred(judgement)

    def compile(
        self, change: Change, spec: AddColumnSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        schema = sync_schema(ledger_schema)
        name = parse_target(spec.column).column
        asked, check_of_more = new_column.read(name, judgement, generated=spec.generated is not None)
        fill = new_column.filled_by(change, snapshot, asked.type, spec.fill, judgement, schema)
        column = replace(asked, not_null=spec.not_null, unique=spec.unique, comment=spec.comment, fill=fill)
        new_column.examine_rules(snapshot, column)
        notes = tuple(new_column.notes(snapshot, column, check_of_more=check_of_more))
        keeping = _keeping(change, snapshot, column, schema)
        return compose(
            change,
            snapshot,
            (
                replace(steps.added(snapshot, column), notes=notes),
                *(filling.part(each) for each in keeping),
                steps.bound(snapshot, column),
            ),
            _words(column),
            _sentences(column),
            claims=(name,),
            brings=(name,),
            given="false" if any(each.keeping for each in keeping) else column.given,
            uses=row_expressions.used((fill,) if fill else (), (name,)),
        )


def _keeping(change: Change, snapshot: Snapshot, column: NewColumn, schema: str) -> tuple[Filling, ...]:
    """Return what fills rows that come, where they have no default."""
    if column.fill is None or not column.kept_filled:
        return ()
    made = fills.filling(change, snapshot, column.name, column.fill, schema, needed=column.not_null)
    return (replace(made, goes=True),)


def _words(column: NewColumn) -> Words:
    name = quote(column.name)
    must = f"a row without a value in {name} is refused"
    return Words(
        about=f"with {name} {column.type}",
        ready=f"{name} is there, in every row",
        contracted=must if column.not_null else f"nothing gives {name} a value any more but code",
        destroys="",
        broken=f"have no value in {name}",
    )


def _sentences(column: NewColumn) -> Sentences:
    name = quote(column.name)
    drop = f"drop {name} again"
    if not column.kept_filled:
        return Sentences(rollback=drop)
    return Sentences(
        rollback=drop,
        contract=f"leave it to code to give {name} a value",
        undo=f"give {name} a value again where a row comes without one",
        purge=f"close the change: {name} stays as it is",
    )


def _refuse_serial(spec: AddColumnSpec, snapshot: Snapshot) -> None:
    if not _SERIAL.fullmatch(spec.type) and "as identity" not in spec.type.lower():
        return
    name = parse_target(spec.column).column
    sequence = RelationName(snapshot.table.schema, shorten(f"{snapshot.table.name}_{name}_seq")).sql
    raise BadExpression(
        f"{spec.type!r} numbers every row under a lock that stops everybody.",
        why="PostgreSQL rewrites the table for it.",
        state="Nothing was changed.",
        next=f"CREATE SEQUENCE {sequence}; then: ec start add-column {shlex.quote(spec.column)} bigint "
        f"--default {shlex.quote(f'nextval({literal(sequence)})')} --not-null",
    )


KIND = AddColumn()
