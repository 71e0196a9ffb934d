"""Storage mode and compression of the values: set when the column is added, so that the first row is stored
as all others.
"""

from expandcontract.model.names import quote
from expandcontract.steps.carry.subject import Subject


def statements(subject: Subject) -> tuple[str, ...]:
    """Return SET STORAGE and SET COMPRESSION, where the old column differs from its type's default and keeps
    its type.
    """
    if subject.pair.old.type != subject.pair.new.type:
        return ()
    alter = f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)}"
    column = subject.column
    found = []
    if column.storage is not None:
        found.append(f"{alter} SET STORAGE {column.storage}")
    if column.compression is not None:
        found.append(f"{alter} SET COMPRESSION {column.compression}")
    return tuple(found)
