"""From the operations that Alembic found to changes: tables first, then each table that is there."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alembic.operations import MigrateOperation, ops

from expandcontract.alembic.hints import HINT, Hints, Key
from expandcontract.alembic.renaming import Renaming
from expandcontract.alembic.single_changes import changes_of
from expandcontract.alembic.wanted import WHOLE, Sorted, Wanted, columns, qualified
from expandcontract.model.names import quote, slug

#: Says whether two types differ, as Alembic compares them.
Differ = Callable[[Any, Any], bool]


def sort(operations: Sequence[MigrateOperation], hints: Hints, differ: Differ) -> Sorted:
    """Return what becomes of the operations of an upgrade.

    What concerns a table that the same revision makes stays as it is: nobody uses it yet.

    Raises CommandError for a hint that cannot be meant.
    """
    found = Sorted()
    made = {(each.schema, each.table_name) for each in operations if isinstance(each, ops.CreateTableOp)}
    gone = {(each.schema, each.table_name) for each in operations if isinstance(each, ops.DropTableOp)}
    for operation in operations:
        key = (getattr(operation, "schema", None), getattr(operation, "table_name", ""))
        if isinstance(operation, ops.ModifyTableOps) and key in gone:
            continue  # its indexes go with it
        if isinstance(operation, ops.ModifyTableOps) and key not in made:
            _Table(operation, found, hints, differ, gone).sort()
        elif isinstance(operation, ops.DropTableOp):
            like = [each for each in operations if _is_like(each, operation)]
            if like:
                found.remarks.append(tuple(_asked(key, like)))
            else:
                found.changes.append(_dropped(key))
        else:
            found.stays.append(operation)
    found.settled()
    return found


def _is_like(come: Any, gone: ops.DropTableOp) -> bool:  # noqa: ANN401 - any operation
    """Say whether a table that comes has the columns of one that goes."""
    if not isinstance(come, ops.CreateTableOp):
        return False
    return {each.name for each in come.to_table().columns} == {each.name for each in gone.to_table().columns}


def _asked(key: Key, like: Sequence[Any]) -> Iterator[str]:
    """Yield what asks whether a table was renamed. It is not dropped until somebody has decided."""
    old = qualified(*key)
    for each in like:
        new = qualified(each.schema, each.table_name)
        yield f"Is {new} what {old} was? Then write instead, with a contract in a revision above:"
        yield f'    op.ec_start("rename-table", {old!r}, {quote(each.table_name)!r}, name="...")'
    yield f"If not: {old} is still there. This hides it, with a contract in a revision above:"
    yield f'    op.ec_start("drop-table", {old!r}, name="...")'


def _dropped(key: Key) -> Wanted:
    table = qualified(*key)
    why = "Old code may use it: contract hides it, with every row, and purge drops it."
    claims = frozenset({(table, WHOLE)})
    return Wanted("drop-table", (table,), why, slug(f"drop {key[1]}"), contracts=True, claims=claims)


class _Table:
    """The operations on one table that is there."""

    def __init__(
        self, operation: ops.ModifyTableOps, found: Sorted, hints: Hints, differ: Differ, gone: set[Key]
    ) -> None:
        self.key: Key = (operation.schema, operation.table_name)
        self.left: list[Any] = list(operation.ops)
        self.found, self.hints, self.differ, self.gone = found, hints, differ, gone

    def sort(self) -> None:
        """Take renames first, as indexes and constraints go with them; then each by itself."""
        renaming = Renaming(self.key, self.left, self.hints, self.differ)
        self.found.changes += renaming.changes()
        self.left = renaming.left
        self._with_dropped_columns()
        self._doubt()
        stays: list[Any] = []
        for operation in self.left:
            become = changes_of(self.key, operation, self.left)
            stays += become.stays
            self.found.changes += become.changes
            self.found.remarks += become.remarks
        if stays:
            self.found.stays.append(ops.ModifyTableOps(self.key[1], stays, schema=self.key[0]))

    def _with_dropped_columns(self) -> None:
        """An index or constraint of a column that goes is hidden with it; a foreign key goes with the table
        that it leads to.
        """
        dropped = {each.column_name for each in self.left if isinstance(each, ops.DropColumnOp)}
        self.left = [
            each
            for each in self.left
            if not (
                isinstance(each, ops.DropIndexOp | ops.DropConstraintOp)
                and (not dropped.isdisjoint(columns(each)) or self._leads_to_gone(each))
            )
        ]

    def _leads_to_gone(self, operation: Any) -> bool:  # noqa: ANN401 - drops an index or constraint
        key = getattr(operation, "_reverse", None)
        if not isinstance(key, ops.CreateForeignKeyOp):
            return False
        return (key.kw.get("referent_schema", key.kw.get("remote_schema")), key.referent_table) in self.gone

    def _doubt(self) -> None:
        """Say what may be a rename of which nobody said so: a column that comes and one of its type that
        goes. The drop waits until somebody has decided.
        """
        come = [each for each in self.left if isinstance(each, ops.AddColumnOp)]
        for gone in [each for each in self.left if isinstance(each, ops.DropColumnOp)]:
            was = gone.to_column()
            like = [str(each.column.name) for each in come if not self.differ(was, each.column)]
            if like:
                self.left.remove(gone)
                self.found.remarks.append(tuple(self._asked(gone, like)))

    def _asked(self, gone: Any, like: Sequence[str]) -> Iterator[str]:  # noqa: ANN401 - a drop
        table, old = qualified(*self.key), gone.column_name
        for new in like:
            yield f"Is {table}.{new} what {table}.{old} was? Then delete what was generated, put this into"
            yield f"{new} of the model, and generate again:"
            yield f'    info={{"{HINT}": "{old}"}}'
        yield f"If not: the column {old} is still there. This drops it, when you are sure:"
        schema = f", schema={self.key[0]!r}" if self.key[0] else ""
        yield f"    op.drop_column({self.key[1]!r}, {old!r}{schema})"
