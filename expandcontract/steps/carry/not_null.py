"""NOT NULL."""

from dataclasses import replace

from expandcontract.model.names import quote, shorten
from expandcontract.model.step import Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates


def part(subject: Subject) -> Part:
    """Of the new side from contract on; taken from the hidden side, where a value that it cannot hold must
    not fail a write.
    """
    again = _of_the_old(subject)
    first = (step.action for step in again[:1])
    own = Part(
        contract=(_drop(subject, subject.hidden),) if subject.column.not_null else (),
        undo=tuple(s for action in first if isinstance(action, Transactional) for s in action.statements),
        after_undo=again[1:],
    )
    if not _carried(subject):
        return own
    new = _of_the_new(subject)
    # In one transaction: at no moment are rows without a value let in.
    return replace(
        new,
        contract=(*own.contract, *new.contract),
        undo=(*new.undo, *own.undo),
        after_undo=own.after_undo,
    )


def _of_the_new(subject: Subject) -> Part:
    """Rows are scanned under a lock that stops nobody: a CHECK that was validated spares NOT NULL its scan.
    It is one on every version: NOT NULL, even NOT VALID (18+), alters the column, and so what the proof is
    bound to.
    """
    column, table, new = subject.column, subject.table, subject.new
    part = Part(
        contract=_set(subject),
        undo=(_drop(subject, new),),
        enforces=(f"A row without a value in {quote(subject.final)} is refused: NOT NULL.",),
    )
    if not column.not_null_valid:
        return part
    helper = shorten(f"~ec_nn_{new}")
    add = Step(
        f"not_null:{new}",
        "+",
        f"new rows need a value in {quote(new)}",
        Transactional((_help(subject, helper),), tables.access_exclusive(table)),
        reverse=(tables.drop_constraint(table, helper),),
    )
    absent = predicates.absent(f"t.{quote(new)}")
    return replace(
        part,
        before_contract=(add, tables.validate(f"not_null:{new}:validate", table, helper)),
        contract=(*part.contract, f"ALTER TABLE {table.sql} DROP CONSTRAINT {quote(helper)}"),
        refused=(subject.of_rows_with(absent, inherited=column.not_null_inherited),),
    )


def _carried(subject: Subject) -> bool:
    """Of several old columns the first one brings it along."""
    return subject.pair.new.not_null and subject.column.name == subject.pair.old.column


def _of_the_old(subject: Subject) -> tuple[Step, ...]:
    """What makes the old side NOT NULL again: the first step begins with it, the others come after."""
    old = subject.column
    if not old.not_null:
        return ()
    return tables.not_null(
        subject.table,
        old.name,
        subject.not_null_name,
        subject.snapshot.server_version,
        valid=old.not_null_valid,
        inherited=old.not_null_inherited,
        comment=old.not_null_comment,
    )


def _help(subject: Subject, name: str) -> str:
    """A CHECK of just the rows of which NOT NULL is to be."""
    only = "" if subject.column.not_null_inherited else " NO INHERIT"
    # Of a composite value with a NULL in it IS NOT NULL is not true.
    check = f"CHECK ({quote(subject.new)} IS DISTINCT FROM NULL){only} NOT VALID"
    return f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} {check}"


def _set(subject: Subject) -> tuple[str, ...]:
    """NOT NULL as the old side has it, under its name after contract, which it has from 18 on. Either form is
    spared its scan by the CHECK.
    """
    old, table, new = subject.column, subject.table.sql, quote(subject.final)
    name = subject.final_name(subject.not_null_name)
    if subject.snapshot.server_version < 180000:  # noqa: PLR2004 - server_version_num of 18.0
        only = "" if old.not_null_inherited else "ONLY "
        return (f"ALTER TABLE {only}{table} ALTER COLUMN {new} SET NOT NULL",)
    plain = old.not_null_inherited and old.not_null_valid
    if plain and name == f"{subject.table.name}_{subject.final}_not_null":
        set_ = f"ALTER TABLE {table} ALTER COLUMN {new} SET NOT NULL"
    else:
        more = ("" if old.not_null_inherited else " NO INHERIT") + (
            "" if old.not_null_valid else " NOT VALID"
        )
        set_ = f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} NOT NULL {new}{more}"
    if old.not_null_comment is None:
        return (set_,)
    return set_, tables.comment_on("CONSTRAINT", f"{quote(name)} ON {table}", old.not_null_comment)


def _drop(subject: Subject, column: str) -> str:
    return f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(column)} DROP NOT NULL"
