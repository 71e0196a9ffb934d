"""CHECK constraints that name the column."""

from collections.abc import Iterator

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres.catalog.constraint import Constraint, check_expression
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.predicates import CarriedCheck


def part(subject: Subject) -> Part:
    """Of the new side from contract on: NOT VALID first, then validated, as the scan stops nobody.

    An old CHECK of a pair without conversion can refuse nothing that its twin lets through, so it stays on
    the hidden column. Others are dropped at contract and come back at undo.
    """
    carried = _carried(subject)
    return Part(
        before_contract=tuple(step for check in carried for step in _begin(subject, check)),
        contract=tuple(_contract(subject)),
        undo=tuple(_undo(subject)),
        after_undo=() if subject.pair.identity else tuple(_validated(subject)),
        refused=tuple(
            subject.of_rows_with(_broken(subject, check), inherited=not check.no_inherit)
            for check in carried
            if check.validated and check.enforced
        ),
        enforces=tuple(
            f"A row that breaks CHECK {quote(subject.final_name(check.name))} is refused."
            for check in carried
            if check.enforced
        ),
        notes=(*_notes_dropped(subject), *_notes_not_valid(subject)),
    )


def _begin(subject: Subject, check: Constraint) -> tuple[Step, ...]:
    name = subject.new_name(check.name)
    statements = _add(subject, check, name, subject.definitions[check.name])
    add = Step(
        f"check:{check.name}",
        "+",
        f"new rows must satisfy CHECK {quote(name)}",
        Transactional(tuple(statements), tables.access_exclusive(subject.table)),
        reverse=(tables.drop_constraint(subject.table, name),),
    )
    if not check.validated or not check.enforced:
        return (add,)
    return add, tables.validate(f"check:{check.name}:validate", subject.table, name)


def _contract(subject: Subject) -> Iterator[str]:
    for check in _checks(subject):
        if not subject.pair.identity:
            yield tables.drop_constraint(subject.table, check.name)
        elif subject.takes(check.name):
            yield _rename(subject, check.name, subject.hidden_name(check.name))
        if subject.takes(check.name) and check.name in subject.definitions:
            yield _rename(subject, subject.new_name(check.name), check.name)


def _undo(subject: Subject) -> Iterator[str]:
    # Where the old side's were hidden with it, it has them in the moment in which the new one's go.
    for check in _carried(subject):
        yield f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(subject.final_name(check.name))}"
    for check in _checks(subject):
        if subject.pair.identity and subject.takes(check.name):
            yield _rename(subject, subject.hidden_name(check.name), check.name)
        elif not subject.pair.identity:
            yield from _add(subject, check, check.name, check.definition)


def _validated(subject: Subject) -> Iterator[Step]:
    for check in _checks(subject):
        if check.validated and check.enforced:
            yield tables.validate(f"check:{check.name}:validate", subject.table, check.name)


def _notes_dropped(subject: Subject) -> Iterator[Note]:
    for check in _checks(subject):
        if check.name in subject.left:
            yield subject.left_behind(f"CHECK {quote(check.name)}, {check.definition},")
        elif check.name not in subject.definitions:
            yield Note.hazard(
                "check-dropped",
                subject.ends(f"CHECK {quote(check.name)}, {check.definition},", "--check")
                if subject.pair.uneven
                else f"CHECK {quote(check.name)} does not fit the new type and is not carried: "
                f"{check.definition}. From contract on nothing refuses such values.",
                about=check.name,
            )


def _notes_not_valid(subject: Subject) -> Iterator[Note]:
    for check in subject.snapshot.constraints:
        if check.kind == "c" and not check.inbound and not check.validated and check.enforced:
            yield Note(
                "not-valid",
                f"CHECK {quote(check.name)} is NOT VALID: a row that breaks it cannot be updated, by nobody. "
                "It is left out of the copy, and verify names it.",
            )


def taken(subject: Subject) -> tuple[CarriedCheck, ...]:
    """Return the CHECKs that contract takes from the hidden side and undo validates."""
    if subject.pair.identity:
        return ()
    checks = (check for check in _checks(subject) if check.validated and check.enforced)
    return tuple(
        CarriedCheck(check_expression(check.definition), check.columns, _types(subject, check.columns))
        for check in checks
    )


def unchecked(subject: Subject) -> tuple[CarriedCheck, ...]:
    """Return the table's CHECKs, and NOT NULLs, that rows from before may break: PostgreSQL refuses every
    UPDATE of such a row, ours too.
    """
    snapshot = subject.snapshot
    checks = [c for c in snapshot.constraints if c.kind == "c" and not c.validated and c.enforced]
    columns = [c for c in snapshot.columns if c.not_null and not c.not_null_valid]
    return (
        *(
            CarriedCheck(check_expression(c.definition), c.columns, _types(subject, c.columns))
            for c in checks
        ),
        *(CarriedCheck(f"({quote(c.name)} IS DISTINCT FROM NULL)", (c.name,), (c.type,)) for c in columns),
    )


def _broken(subject: Subject, check: Constraint) -> str:
    """Return SQL that is true of a row `t` that the new side's CHECK will refuse."""
    columns = subject.substituted(check.columns)
    known = CarriedCheck(check_expression(subject.definitions[check.name]), columns, ())
    return predicates.refused_by(known, "t")


def _types(subject: Subject, names: tuple[str, ...]) -> tuple[str, ...]:
    found = (subject.snapshot.column(name) for name in names)
    return tuple(column.type for column in found if column is not None)


def _checks(subject: Subject) -> list[Constraint]:
    return [c for c in subject.snapshot.constraints if c.kind == "c" and subject.owns(c.columns)]


def _carried(subject: Subject) -> list[Constraint]:
    return [check for check in _checks(subject) if check.name in subject.definitions]


def _add(subject: Subject, check: Constraint, name: str, definition: str) -> list[str]:
    # NOT ENFORCED takes no NOT VALID beside it.
    bare, timing = definition.removesuffix(" NOT VALID"), " NOT VALID" if check.enforced else ""
    statements = [f"ALTER TABLE {subject.table.sql} ADD CONSTRAINT {quote(name)} {bare}{timing}"]
    if check.comment is not None:
        statements.append(
            tables.comment_on("CONSTRAINT", f"{quote(name)} ON {subject.table.sql}", check.comment)
        )
    return statements


def _rename(subject: Subject, name: str, to: str) -> str:
    return f"ALTER TABLE {subject.table.sql} RENAME CONSTRAINT {quote(name)} TO {quote(to)}"
