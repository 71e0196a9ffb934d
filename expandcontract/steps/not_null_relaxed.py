"""A column that must have a value, and that new code leaves out: it need have none meanwhile."""

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import not_null_name
from expandcontract.steps.parts import Part


def parts(snapshot: Snapshot, column: Column) -> tuple[Part, ...]:
    """Return what takes NOT NULL from the column first, and puts it back when the change is rolled back, for
    which every row needs a value; nothing where INSERT may leave it out as it is.
    """
    # An identity is NOT NULL for good, and gives a value by itself.
    if not column.not_null or column.default is not None or column.identity:
        return ()
    return (part(snapshot, column),)


def part(snapshot: Snapshot, column: Column, *notes: Note) -> Part:
    """Return what takes NOT NULL from a column that has it, until a rollback."""
    name = quote(column.name)
    drop = f"ALTER TABLE {snapshot.table.sql} ALTER COLUMN {name} DROP NOT NULL"
    relax = Step(
        "relax",
        "~",
        f"rows need no value in {name} any more, so that new code can leave it out",
        Transactional((drop,), tables.access_exclusive(snapshot.table)),
    )
    again = tables.not_null(
        snapshot.table,
        column.name,
        not_null_name(snapshot, column),
        snapshot.server_version,
        valid=column.not_null_valid,
        inherited=column.not_null_inherited,
        comment=column.not_null_comment,
    )
    return Part(expand=(relax,), before_rollback=again, notes=notes)
