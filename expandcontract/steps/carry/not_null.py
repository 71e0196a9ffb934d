"""NOT NULL."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from expandcontract.model.change import Side
from expandcontract.model.names import quote, shorten
from expandcontract.model.phases import State
from expandcontract.model.step import Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part, together
from expandcontract.steps.sync import predicates


@dataclass(frozen=True)
class _NotNull:
    """That of a column of the new side, as the old one has it, or as it was asked for: its names until
    contract and from then on, and that of the constraint, which it has from 18 on.
    """

    new: str
    final: str
    name: str
    valid: bool = True
    inherited: bool = True
    comment: str | None = None


def part(subject: Subject) -> Part:
    """Of the new side from contract on; taken from the hidden side, where a value that it cannot hold must
    not fail a write.
    """
    again = _of_the_old(subject)
    first = (step.action for step in again[:1])
    contract = Part(contract=(_drop(subject, subject.hidden),) if subject.column.not_null else ())
    # In one transaction: at no moment are rows without a value let in.
    undo = Part(
        undo=tuple(s for action in first if isinstance(action, Transactional) for s in action.statements),
        after_undo=again[1:],
    )
    return together([contract, *(_of_the_new(subject, each) for each in _carried(subject)), undo])


def _of_the_new(subject: Subject, not_null: _NotNull) -> Part:
    """Rows are scanned under a lock that stops nobody: a CHECK that was validated spares NOT NULL its scan.
    It is one on every version: NOT NULL, even NOT VALID (18+), alters the column, and so what the proof is
    bound to.
    """
    table, new = subject.table, not_null.new
    part = Part(
        contract=_set(subject, not_null),
        undo=(_drop(subject, new),),
        enforces=(f"A row without a value in {quote(not_null.final)} is refused: NOT NULL.",),
    )
    if not not_null.valid:
        return part
    helper = shorten(f"~ec_nn_{new}")
    add = Step(
        f"not_null:{new}",
        "+",
        f"new rows need a value in {quote(new)}",
        Transactional((_help(subject, not_null, helper),), tables.access_exclusive(table)),
        reverse=(tables.drop_constraint(table, helper),),
    )
    absent = predicates.absent(f"t.{quote(new)}")
    return replace(
        part,
        before_contract=(add, tables.validate(f"not_null:{new}:validate", table, helper)),
        contract=(*part.contract, f"ALTER TABLE {table.sql} DROP CONSTRAINT {quote(helper)}"),
        refused=(subject.of_rows_with(absent, inherited=not_null.inherited),),
    )


def _carried(subject: Subject) -> Iterator[_NotNull]:
    """Of several old columns the first one brings it along."""
    if subject.leads:
        yield from (_named(subject, each) for each in subject.pair.news if each.not_null)


def _named(subject: Subject, side: Side) -> _NotNull:
    final, old = side.at(State.HIDDEN), subject.column
    if not old.not_null or subject.pair.more:
        return _NotNull(side.column, final, f"{subject.table.name}_{final}_not_null")
    name = subject.final_name(subject.not_null_name)
    as_it_is = (old.not_null_valid, old.not_null_inherited, old.not_null_comment)
    return _NotNull(side.column, final, name, *as_it_is)


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


def _help(subject: Subject, not_null: _NotNull, name: str) -> str:
    """A CHECK of just the rows of which NOT NULL is to be."""
    only = "" if not_null.inherited else " NO INHERIT"
    # Of a composite value with a NULL in it IS NOT NULL is not true.
    check = f"CHECK ({quote(not_null.new)} IS DISTINCT FROM NULL){only} NOT VALID"
    return f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} {check}"


def _set(subject: Subject, not_null: _NotNull) -> tuple[str, ...]:
    """NOT NULL under its name after contract, which it has from 18 on. Either form is spared its scan by the
    CHECK.
    """
    table, new, name = subject.table.sql, quote(not_null.final), not_null.name
    if subject.snapshot.server_version < 180000:  # noqa: PLR2004 - server_version_num of 18.0
        only = "" if not_null.inherited else "ONLY "
        return (f"ALTER TABLE {only}{table} ALTER COLUMN {new} SET NOT NULL",)
    plain = not_null.inherited and not_null.valid
    if plain and name == f"{subject.table.name}_{not_null.final}_not_null":
        set_ = f"ALTER TABLE {table} ALTER COLUMN {new} SET NOT NULL"
    else:
        more = ("" if not_null.inherited else " NO INHERIT") + ("" if not_null.valid else " NOT VALID")
        set_ = f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} NOT NULL {new}{more}"
    if not_null.comment is None:
        return (set_,)
    return set_, tables.comment_on("CONSTRAINT", f"{quote(name)} ON {table}", not_null.comment)


def _drop(subject: Subject, column: str) -> str:
    return f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(column)} DROP NOT NULL"
