"""What the planner knows of the column: its statistics target, options, extended statistics, and a fresh
ANALYZE.
"""

from expandcontract.model.names import RelationName, quote
from expandcontract.model.plan import LockMode, Step, Transactional
from expandcontract.postgres.catalog.dependent import ColumnDependent
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait


class Statistics(Trait):
    """Without ANALYZE the first queries of new code would be planned blindly."""

    def settle(self, subject: Subject) -> tuple[Step, ...]:
        target = subject.column.statistics_target
        alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)}"
        statements = []
        if target is not None and target >= 0:
            statements.append(f"{alter} SET STATISTICS {target}")
        if subject.column.options:
            statements.append(f"{alter} SET ({', '.join(subject.column.options)})")
        statements += [_create(subject, each) for each in _extended(subject)]
        statements.append(f"ANALYZE {subject.table.sql}")
        lock = tables.locks(LockMode.SHARE_UPDATE_EXCLUSIVE, subject.table)
        return (
            Step(
                "statistics",
                "=",
                f"the planner's statistics for {quote(subject.new)}",
                Transactional(tuple(statements), lock, patient=True),
                by_size=True,
            ),
        )


def _extended(subject: Subject) -> list[ColumnDependent]:
    return [d for d in subject.snapshot.dependents if d.kind == "statistics" and d.definition and _plain(d)]


def _plain(dependent: ColumnDependent) -> bool:
    return bool(dependent.columns)


def _create(subject: Subject, dependent: ColumnDependent) -> str:
    name = RelationName(subject.table.schema, subject.new_name(_bare(dependent.name)))
    columns = ", ".join(quote(column) for column in subject.substituted(dependent.columns))
    return f"CREATE STATISTICS {name.sql}{dependent.definition} ON {columns} FROM {subject.table.sql}"


def _bare(sql: str) -> str:
    from expandcontract.model.names import split

    return split(sql)[-1]
