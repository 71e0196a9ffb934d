"""What autogenerate found, told as changes: which operations a kind of ours carries, and what stays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ClauseElement

from expandcontract.model.names import quote
from expandcontract.model.names import slug as slug_of

#: In a column's `info`: what it was called.
HINT = "renamed_from"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Wanted:
    """A change: its kind with its words and options, and why a comment says it is one.

    `contracts` says whether old code may fail from some moment on, so that a second revision contracts it.
    `names` are those of the model for the indexes and constraints that go with a column.
    """

    kind: str
    words: tuple[str, ...]
    why: str
    slug: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    contracts: bool = False


@dataclass(frozen=True)
class Doubt:
    """What may be a rename, of which nobody said so: the line to put into the model."""

    table: str
    added: str
    dropped: str

    @property
    def text(self) -> str:
        """What the comment in the revision says."""
        return (
            f"Is {self.table}.{self.added} what {self.table}.{self.dropped} was? Then put "
            f'info={{"{HINT}": "{self.dropped}"}} into the model, and generate this revision again.'
        )


@dataclass
class Sorted:
    """What becomes of a run of operations: those that stay Alembic's, and changes."""

    stays: list[MigrateOperation] = field(default_factory=list)
    changes: list[Wanted] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def sort(operations: Sequence[MigrateOperation]) -> Sorted:
    """Return what becomes of the operations of an upgrade.

    What concerns a table that the same revision makes stays as it is: nobody uses it yet.
    """
    found = Sorted()
    made = {(each.schema, each.table_name) for each in operations if isinstance(each, ops.CreateTableOp)}
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps) and (operation.schema, operation.table_name) not in made:
            _Table(operation, found).sort()
        elif isinstance(operation, ops.DropTableOp):
            table = _qualified(operation.schema, operation.table_name)
            found.changes.append(
                Wanted("drop-table", (table,), "old code reads it", _slug("drop", table), contracts=True)
            )
        else:
            found.stays.append(operation)
    return found


class _Table:
    """The operations on one table that is there."""

    def __init__(self, operation: ops.ModifyTableOps, found: Sorted) -> None:
        self.schema, self.name = operation.schema, operation.table_name
        self.table = _qualified(self.schema, self.name)
        self.left = list(operation.ops)
        self.found = found

    def sort(self) -> None:
        """Take renames first, as indexes and constraints go with them; then each by itself."""
        for added, dropped in list(self._renames()):
            self._rename(added, dropped)
        self._doubt()
        for operation in list(self.left):
            changes = list(self._changes(operation))
            if changes:
                self.left.remove(operation)
                self.found.changes += changes
        if self.left:
            self.found.stays.append(ops.ModifyTableOps(self.name, self.left, schema=self.schema))

    def _of(self, kind: type) -> list[Any]:
        return [each for each in self.left if isinstance(each, kind)]

    def _renames(self) -> Iterator[tuple[ops.AddColumnOp, ops.DropColumnOp]]:
        dropped = {each.column_name: each for each in self._of(ops.DropColumnOp)}
        for added in self._of(ops.AddColumnOp):
            old = dropped.get(added.column.info.get(HINT))
            if old is not None:
                yield added, old

    def _rename(self, added: ops.AddColumnOp, dropped: ops.DropColumnOp) -> None:
        old, new = dropped.column_name, str(added.column.name)
        names = dict(self._carried(old, new))
        self.left = [each for each in self.left if each not in (added, dropped)]
        was = dropped.to_column().type
        words, why = (f"{self.table}.{quote(old)}", quote(new)), "old code reads and writes the old name"
        if _spelt(was) == _spelt(added.column.type):
            change = Wanted(
                "rename-column", words, why, _slug("rename", self.table, old), names=names, contracts=True
            )
        else:
            spec = {"type": _spelt(added.column.type), "to": quote(new)}
            slug = _slug("retype", self.table, old)
            change = Wanted("change-type", words[:1], why, slug, spec, names, contracts=True)
        self.found.changes.append(change)

    def _carried(self, old: str, new: str) -> Iterator[tuple[str, str]]:
        """Take out the indexes and constraints that differ by the column's name alone; yield their names."""
        for gone in [*self._of(ops.DropIndexOp), *self._of(ops.DropConstraintOp)]:
            for come in [
                *self._of(ops.CreateIndexOp),
                *self._of(ops.CreateUniqueConstraintOp),
                *self._of(ops.CreateForeignKeyOp),
            ]:
                if _columns(come) and [new if each == old else each for each in _columns(gone)] == _columns(
                    come
                ):
                    self.left = [each for each in self.left if each not in (gone, come)]
                    if _name(gone) and _name(come) and _name(gone) != _name(come):
                        yield str(_name(gone)), str(_name(come))
                    break

    def _doubt(self) -> None:
        """Name what may be a rename without a hint: one type, and exactly one column of it comes and goes."""
        come = {each: _spelt(each.column.type) for each in self._of(ops.AddColumnOp)}
        for gone in self._of(ops.DropColumnOp):
            like = [each for each, type_ in come.items() if type_ == _spelt(gone.to_column().type)]
            for added in like:
                self.found.doubts.append(Doubt(self.table, str(added.column.name), gone.column_name))

    def _changes(self, operation: MigrateOperation) -> Iterator[Wanted]:
        match operation:
            case ops.AddColumnOp():
                yield from self._added(operation)
            case ops.DropColumnOp():
                yield self._one("drop-column", operation.column_name, "old code reads it", contracts=True)
            case ops.AlterColumnOp():
                yield from self._altered(operation)
            case ops.DropIndexOp():
                name = _qualified(self.schema, str(operation.index_name))
                why = "it is made again if somebody misses it, and dropped without a lock that anybody feels"
                yield Wanted("drop-index", (name,), why, _slug("drop", name), contracts=True)
            case ops.CreateUniqueConstraintOp():
                words = self.table, ", ".join(map(quote, operation.columns))
                why = "rows that are equal are named before anything is refused"
                slug = _slug("unique", self.table, *operation.columns)
                yield Wanted("add-unique", words, why, slug, _named(operation), contracts=True)
            case ops.CreateForeignKeyOp():
                yield self._refers(operation)
            case _:
                pass

    def _added(self, operation: ops.AddColumnOp) -> Iterator[Wanted]:
        """A column that may be NULL takes no time, and stays Alembic's."""
        column = operation.column
        if column.nullable:
            return
        default = getattr(column.server_default, "arg", None)
        spec: dict[str, Any] = {"not_null": True}
        if default is not None:
            spec["default"] = _sql(default)
        why = "a row of old code has to get a value, and a scan under a lock would stop everybody"
        words = f"{self.table}.{quote(str(column.name))}", _spelt(column.type)
        yield Wanted(
            "add-column", words, why, _slug("add", self.table, str(column.name)), spec, contracts=True
        )

    def _altered(self, operation: ops.AlterColumnOp) -> Iterator[Wanted]:
        column = operation.column_name
        if operation.modify_type is not None:
            spec = {"type": _spelt(operation.modify_type), "swap": True}
            why = "PostgreSQL would write the table anew under a lock that stops everybody"
            yield self._one("change-type", column, why, spec=spec, contracts=True)
        if operation.modify_nullable is False:
            why = "it would scan under a lock that stops everybody, and old code may still write NULL"
            yield self._one("set-not-null", column, why, contracts=True)
        if operation.modify_nullable is True:
            yield self._one("drop-not-null", column, "its lock is waited for in short turns")
        if operation.modify_server_default is not False:
            default = operation.modify_server_default
            words = f"{self.table}.{quote(column)}", "NULL" if default is None else _sql(default.arg)
            why = "its lock is waited for in short turns"
            yield Wanted("set-default", words, why, _slug("default", self.table, column))

    def _refers(self, operation: ops.CreateForeignKeyOp) -> Wanted:
        parent = _qualified(operation.kw.get("referent_schema"), operation.referent_table)
        words = (
            f"{self.table}({', '.join(map(quote, operation.local_cols))})",
            f"{parent}({', '.join(map(quote, operation.remote_cols))})",
        )
        given = {key: operation.kw.get(f"on{key[3:]}") for key in ("on_delete", "on_update")}
        spec = {key: value.lower() for key, value in given.items() if value}
        why = "rows that refer to nothing are named before anything is refused"
        return Wanted(
            "add-foreign-key",
            words,
            why,
            _slug("refer", self.table, *operation.local_cols),
            {**_named(operation), **spec},
            contracts=True,
        )

    def _one(
        self,
        kind: str,
        column: str,
        why: str,
        *,
        spec: Mapping[str, Any] | None = None,
        contracts: bool = False,
    ) -> Wanted:
        words = (f"{self.table}.{quote(column)}",)
        return Wanted(kind, words, why, _slug(kind, self.table, column), spec or {}, contracts=contracts)


def _qualified(schema: str | None, name: str) -> str:
    return ".".join(quote(each) for each in (schema, name) if each)


def _slug(*words: str) -> str:
    return slug_of(" ".join(words))


def _spelt(type_: Any) -> str:  # noqa: ANN401 - SQLAlchemy's types
    return str(type_.compile(dialect=_DIALECT))


def _sql(default: Any) -> str:  # noqa: ANN401 - a text, an expression or a literal
    if isinstance(default, ClauseElement):
        return str(default.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    return "'" + str(default).replace("'", "''") + "'"


def _name(operation: Any) -> str | None:  # noqa: ANN401 - of a constraint or an index
    return getattr(operation, "index_name", None) or getattr(operation, "constraint_name", None)


def _named(operation: Any) -> dict[str, Any]:  # noqa: ANN401 - of a constraint
    return {"name": str(_name(operation))} if _name(operation) else {}


def _columns(operation: Any) -> list[str]:  # noqa: ANN401 - of a constraint or an index
    """Return the columns of an index or constraint; none where they are not all columns, or unknown."""
    if isinstance(operation, ops.DropIndexOp | ops.DropConstraintOp):
        reverse = getattr(operation, "_reverse", None)
        return [] if reverse is None else _columns(reverse)
    if isinstance(operation, ops.CreateForeignKeyOp):
        return list(operation.local_cols)
    found = [getattr(each, "name", each) for each in operation.columns]
    return [str(each) for each in found] if all(isinstance(each, str) for each in found) else []
