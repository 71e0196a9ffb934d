"""NOT NULL."""

from expandcontract.model.names import quote
from expandcontract.model.plan import Step
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait


class NotNull(Trait):
    """Set on the new side once it is filled; taken from the hidden side, where a value that it cannot hold
    must not fail a write.
    """

    constrains = True

    def settle(self, subject: Subject) -> tuple[Step, ...]:
        if not subject.pair.new.not_null or subject.pair.computed_outside:
            return ()
        return _add(subject, subject.new, subject.new_name(subject.not_null_name))

    def hide(self, subject: Subject) -> tuple[str, ...]:
        if not subject.column.not_null:
            return ()
        statements = [f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.hidden)} DROP NOT NULL"]
        if _named(subject) and subject.pair.new.not_null:
            statements += _rename(subject, subject.new_name(subject.not_null_name), subject.not_null_name)
        return tuple(statements)

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        if _named(subject) and subject.pair.new.not_null:
            return _rename(subject, subject.not_null_name, subject.new_name(subject.not_null_name))
        return ()

    def after_unhide(self, subject: Subject) -> tuple[Step, ...]:
        if not subject.column.not_null:
            return ()
        return _add(subject, subject.column.name, subject.not_null_name)


def _add(subject: Subject, column: str, name: str) -> tuple[Step, ...]:
    """NOT NULL as the old side has it: on the table alone, or not valid for the rows from before."""
    old = subject.column
    return tables.not_null(
        subject.table,
        column,
        name,
        subject.snapshot.server_version,
        valid=old.not_null_valid,
        inherited=old.not_null_inherited,
        comment=old.not_null_comment,
    )


def _named(subject: Subject) -> bool:
    # Before 18 NOT NULL is an attribute of the column and has no name of its own.
    return subject.swap and subject.column.not_null and subject.snapshot.server_version >= 180000  # noqa: PLR2004


def _rename(subject: Subject, name: str, to: str) -> tuple[str, ...]:
    return (f"ALTER TABLE {subject.table.sql} RENAME CONSTRAINT {quote(name)} TO {quote(to)}",)
