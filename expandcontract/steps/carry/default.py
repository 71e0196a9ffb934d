"""The column's default, and the sequences that belong to it."""

from collections.abc import Iterator

from expandcontract.model.names import do, quote
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part


def part(subject: Subject) -> Part:
    """A constant or stable default is set at ready, in the transaction that replaces the sync function
    (steps.pair.upkeep).

    One that was asked for takes the old one's place.

    A volatile one (nextval) stays on the old side until contract: on both sides it would make two values for
    one row.
    """
    return Part(contract=_contract(subject), undo=_undo(subject))


def _contract(subject: Subject) -> tuple[str, ...]:
    alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN"
    statements = [f"{alter} {quote(name)} SET DEFAULT {given}" for name, given in _come(subject)]
    if _goes(subject):
        statements.append(f"{alter} {quote(subject.final)} DROP DEFAULT")
    if subject.column.default is not None:
        statements.append(f"{alter} {quote(subject.hidden)} DROP DEFAULT")
    if _moves(subject):
        statements.append(f"{alter} {quote(subject.final)} SET DEFAULT {subject.column.default}")
        statements += [
            f"ALTER SEQUENCE {sequence.sql} AS bigint"
            for sequence in subject.column.owned_sequences
            if _widens(subject)
        ]
    return (*statements, *_own(subject, subject.final))


def _undo(subject: Subject) -> tuple[str, ...]:
    alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN"
    statements = [f"{alter} {quote(name)} DROP DEFAULT" for name, _ in _come(subject)]
    if _goes(subject):
        statements.append(f"{alter} {quote(subject.new)} SET DEFAULT {subject.default}")
    if _moves(subject):
        statements.append(f"{alter} {quote(subject.new)} DROP DEFAULT")
        if _widens(subject):
            statements += _narrowed(subject)
    if subject.column.default is not None:
        statements.append(f"{alter} {quote(subject.column.name)} SET DEFAULT {subject.column.default}")
    return (*statements, *_own(subject, subject.column.name))


def _come(subject: Subject) -> tuple[tuple[str, str], ...]:
    """Those that were asked for, and begin with contract. Their columns keep their names."""
    return subject.rules.defaults if subject.leads else ()


def _goes(subject: Subject) -> bool:
    return subject.leads and subject.rules.default_goes


def _moves(subject: Subject) -> bool:
    replaced = subject.pair.computed_outside or subject.rules.default_replaced or bool(subject.pair.more)
    return subject.pair.old.volatile_default and not replaced


def _widens(subject: Subject) -> bool:
    return subject.pair.new.type == "bigint" and subject.pair.old.type in ("integer", "smallint")


def _narrowed(subject: Subject) -> Iterator[str]:
    """Sequences as they were. One whose next value the old type does not hold stays wide."""
    column = subject.column
    for sequence, type_ in zip(column.owned_sequences, column.sequence_types, strict=False):
        if type_ in _LARGEST:
            # ALTER SEQUENCE refuses a type that its value does not fit, with an error that would stop undo.
            fits = f"(SELECT last_value FROM {sequence.sql}) <= {_LARGEST[type_]}"
            yield do(f"BEGIN IF {fits} THEN ALTER SEQUENCE {sequence.sql} AS {type_}; END IF; END")


_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1}


def _own(subject: Subject, column: str) -> tuple[str, ...]:
    return tuple(
        f"ALTER SEQUENCE {sequence.sql} OWNED BY {subject.table.sql}.{quote(column)}"
        for sequence in subject.column.owned_sequences
    )
