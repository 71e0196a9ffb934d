"""What the planner knows of the column: its statistics target, options, extended statistics, and a fresh
ANALYZE.
"""

from collections.abc import Iterator

from expandcontract.model.names import RelationName, quote, split
from expandcontract.model.notes import Note
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part


def part(subject: Subject) -> Part:
    """Return what the planner is to know. Without ANALYZE the first queries of new code would be planned
    blindly.
    """
    renames = [r for each in _extended(subject) for r in _renames(subject, each)]
    return Part(
        backfill=(_gather(subject),),
        contract=tuple(_rename(name, to) for name, to in renames),
        undo=tuple(_rename(RelationName(name.schema, to), name.name) for name, to in reversed(renames)),
        notes=tuple(
            Note("statistics-dropped", f"Statistics {each.name} hold expressions and are not carried.")
            for each in subject.snapshot.dependents
            if each.kind == "statistics" and not each.columns
        ),
    )


def _gather(subject: Subject) -> Step:
    target = subject.column.statistics_target
    alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)}"
    statements = []
    if target is not None and target >= 0:
        statements.append(f"{alter} SET STATISTICS {target}")
    if subject.column.options:
        statements.append(f"{alter} SET ({', '.join(subject.column.options)})")
    statements += [s for each in _extended(subject) for s in _create(subject, each)]
    statements.append(f"ANALYZE {subject.table.sql}")
    lock = tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, subject.table)
    return Step(
        "statistics",
        "=",
        f"the planner's statistics for {quote(subject.new)}",
        Transactional(tuple(statements), lock, patient=True),
        by_size=True,
    )


def _extended(subject: Subject) -> list[ColumnDependent]:
    return [each for each in subject.snapshot.dependents if each.kind == "statistics" and each.columns]


def _create(subject: Subject, dependent: ColumnDependent) -> Iterator[str]:
    old = _name(dependent)
    new = RelationName(old.schema, subject.new_name(old.name))
    columns = ", ".join(quote(column) for column in subject.substituted(dependent.columns))
    kinds, _, target = dependent.definition.partition(";")
    yield f"CREATE STATISTICS {new.sql}{kinds} ON {columns} FROM {subject.table.sql}"
    if target:
        yield f"ALTER STATISTICS {new.sql} SET STATISTICS {target}"


def _renames(subject: Subject, dependent: ColumnDependent) -> tuple[tuple[RelationName, str], ...]:
    """What contract renames where the new side takes over the old one's name; the old ones go with purge."""
    if not subject.swap:
        return ()
    old = _name(dependent)
    new = RelationName(old.schema, subject.new_name(old.name))
    return (old, subject.hidden_name(old.name)), (new, old.name)


def _rename(name: RelationName, to: str) -> str:
    return f"ALTER STATISTICS {name.sql} RENAME TO {quote(to)}"


def _name(dependent: ColumnDependent) -> RelationName:
    return RelationName(*split(dependent.name))
