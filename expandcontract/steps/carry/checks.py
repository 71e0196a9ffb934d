"""CHECK constraints that name the column."""

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.model.step import Step, Transactional
from expandcontract.postgres.catalog.constraint import Constraint
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.predicates import CarriedCheck


class Checks(Trait):
    """Of the new side from contract on: NOT VALID first, then validated, as the scan stops nobody.

    An old CHECK of a pair without conversion can refuse nothing that its twin lets through, so it stays on
    the hidden column. Others are dropped at contract and come back at undo.
    """

    def before_hide(self, subject: Subject) -> tuple[Step, ...]:
        return tuple(step for check in _carried(subject) for step in self._begin(subject, check))

    def _begin(self, subject: Subject, check: Constraint) -> tuple[Step, ...]:
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

    def hide(self, subject: Subject) -> tuple[str, ...]:
        statements = []
        for check in _checks(subject):
            if not subject.pair.identity:
                statements.append(tables.drop_constraint(subject.table, check.name))
            if subject.swap and check.name in subject.definitions:
                statements.append(_rename(subject, subject.new_name(check.name), check.name))
        return tuple(statements)

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        # Where the old side's were hidden with it, it has them in the moment in which the new one's go.
        statements = [
            f"ALTER TABLE {subject.table.sql} DROP CONSTRAINT {quote(subject.final_name(check.name))}"
            for check in _carried(subject)
        ]
        if not subject.pair.identity:
            for check in _checks(subject):
                statements += _add(subject, check, check.name, check.definition)
        return tuple(statements)

    def after_unhide(self, subject: Subject) -> tuple[Step, ...]:
        if subject.pair.identity:
            return ()
        return tuple(
            tables.validate(f"check:{check.name}:validate", subject.table, check.name)
            for check in _checks(subject)
            if check.validated and check.enforced
        )

    def refused(self, subject: Subject) -> tuple[str, ...]:
        return tuple(
            subject.of_rows_with(_broken(subject, check), inherited=not check.no_inherit)
            for check in _carried(subject)
            if check.validated and check.enforced
        )

    def enforces(self, subject: Subject) -> tuple[str, ...]:
        return tuple(
            f"A row that breaks CHECK {quote(subject.final_name(check.name))} is refused."
            for check in _carried(subject)
            if check.enforced
        )

    def notes(self, subject: Subject) -> tuple[Note, ...]:
        return tuple(
            Note.hazard(
                "check-dropped",
                f"CHECK {quote(check.name)} does not fit the new type and is not carried: "
                f"{check.definition}. From contract on nothing refuses such values.",
                about=check.name,
            )
            for check in _checks(subject)
            if check.name not in subject.definitions
        ) + tuple(
            Note(
                "not-valid",
                f"CHECK {quote(check.name)} is NOT VALID: a row that breaks it cannot be updated, by nobody. "
                "It is left out of the copy, and verify names it.",
            )
            for check in subject.snapshot.constraints
            if check.kind == "c" and not check.inbound and not check.validated and check.enforced
        )


def taken(subject: Subject) -> tuple[CarriedCheck, ...]:
    """Return the CHECKs that contract takes from the hidden side and undo validates."""
    if subject.pair.identity:
        return ()
    checks = (check for check in _checks(subject) if check.validated and check.enforced)
    return tuple(
        CarriedCheck(_expression(check.definition), check.columns, _types(subject, check.columns))
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
        *(CarriedCheck(_expression(c.definition), c.columns, _types(subject, c.columns)) for c in checks),
        *(CarriedCheck(f"({quote(c.name)} IS DISTINCT FROM NULL)", (c.name,), (c.type,)) for c in columns),
    )


def _broken(subject: Subject, check: Constraint) -> str:
    """Return SQL that is true of a row `t` that the new side's CHECK will refuse."""
    columns = subject.substituted(check.columns)
    known = CarriedCheck(_expression(subject.definitions[check.name]), columns, ())
    return predicates.refused_by(known, "t")


def _types(subject: Subject, names: tuple[str, ...]) -> tuple[str, ...]:
    found = (subject.snapshot.column(name) for name in names)
    return tuple(column.type for column in found if column is not None)


def _expression(definition: str) -> str:
    """CHECK (expression) [NO INHERIT], as pg_get_constraintdef writes it."""
    bare = definition.removeprefix("CHECK ").removesuffix(" NOT VALID")
    return bare.removesuffix(" NO INHERIT")


def _checks(subject: Subject) -> list[Constraint]:
    return [c for c in subject.snapshot.constraints if c.kind == "c" and subject.column.name in c.columns]


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
