"""Storage mode and compression of the values: set when the column is added, so that the first row is stored
as all others.
"""

from expandcontract.model.names import quote
from expandcontract.steps.carry.subject import Subject, Trait


class Storage(Trait):
    """SET STORAGE and SET COMPRESSION, where the old column differs from its type's default and keeps its
    type.
    """

    def expand(self, subject: Subject) -> tuple[str, ...]:
        if subject.pair.old.type != subject.pair.new.type:
            return ()
        alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)}"
        column = subject.column
        statements = []
        if column.storage is not None:
            statements.append(f"{alter} SET STORAGE {column.storage}")
        if column.compression is not None:
            statements.append(f"{alter} SET COMPRESSION {column.compression}")
        return tuple(statements)
