"""set-default: what rows get that leave a column out; `NULL` takes the default away."""

from collections.abc import Iterator
from typing import ClassVar

from expandcontract.changes import fields, preflight, table_shape
from expandcontract.changes.compose import compose
from expandcontract.changes.kind import Kind, Spec
from expandcontract.model.change import Change
from expandcontract.model.errors import UnsupportedShape
from expandcontract.model.names import parse_target, quote, slug
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.postgres.expression import single
from expandcontract.steps import tables
from expandcontract.steps.parts import Part, Sentences

#: No row where there is none: the server keeps no default that is NULL.
_DEFAULT = """
SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
WHERE d.adrelid = 'pg_temp.ec_clone'::pg_catalog.regclass
"""


class SetDefaultSpec(Spec):
    """`ec start set-default users.locale "'en'"`."""

    column: str = fields.column()
    default: str = fields.positional("The default, as in SET DEFAULT; NULL takes it away")


class SetDefault(Kind[SetDefaultSpec]):
    """Instant: rows that are there stay as they are. Rollback gives the default from before back."""

    name: ClassVar[str] = "set-default"
    group: ClassVar[str] = "Columns"
    help: ClassVar[str] = "Give a column another default, or none."
    spec: ClassVar[type[Spec]] = SetDefaultSpec

    def slug(self, spec: SetDefaultSpec) -> str:
        target = parse_target(spec.column)
        return slug(f"set {target.table} {target.column} default")

    def question(self, spec: SetDefaultSpec, snapshot: Snapshot) -> Trial:
        table_shape.examine(snapshot)
        column = preflight.column(snapshot, parse_target(spec.column).column)
        if column.generated or column.identity:
            what = "an identity" if column.identity else "generated"
            raise UnsupportedShape(f"{quote(column.name)} is {what}.", why="Such a column has no default.")
        to = f"SET DEFAULT ({single(spec.default, 'DEFAULT')})"
        alter = f"ALTER TABLE pg_temp.ec_clone ALTER COLUMN {quote(column.name)} {to}"
        return Trial((alter,), _DEFAULT, f"the default {spec.default!r}")

    def compile(
        self, change: Change, spec: SetDefaultSpec, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        del ledger_schema
        column = preflight.column(snapshot, parse_target(spec.column).column)
        rows = judgement.rows if isinstance(judgement, Answers) else ()
        default, name = (str(rows[0][0]) if rows else None), quote(column.name)
        said = f"{name} has the default {default}" if default else f"{name} has no default"
        set_ = Step(
            "default",
            "~",
            said,
            Transactional((_set(snapshot, column, default),), tables.access_exclusive(snapshot.table)),
        )
        part = Part(
            expand=(set_,),
            rollback=(_set(snapshot, column, column.default),),
            notes=tuple(_notes(snapshot, column, default)),
        )
        was = f"the default {column.default}" if column.default else "no default"
        return compose(
            change,
            snapshot,
            (part,),
            Words(about=said, ready=said),
            Sentences(f"{name} has {was} again"),
            claims=(column.name,),
        )


def _set(snapshot: Snapshot, column: Column, default: str | None) -> str:
    to = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
    return f"ALTER TABLE {snapshot.table.sql} ALTER COLUMN {quote(column.name)} {to}"


def _notes(snapshot: Snapshot, column: Column, default: str | None) -> Iterator[Note]:
    name = quote(column.name)
    if default is None and column.default is not None and column.not_null:
        yield Note.hazard(
            "default-goes",
            f"{name} is NOT NULL: from start on an INSERT that leaves it out fails. Deploy code that gives "
            "it first.",
        )
    for leaf in snapshot.leaf_only:
        if any(thing.startswith("default") for thing in leaf.things):
            yield Note.hazard(
                "leaf-default",
                f"{leaf.name} has a default of its own for {name}: it gets this one, and rollback gives it "
                "the parent's.",
                about=leaf.name.sql,
            )


KIND = SetDefault()
