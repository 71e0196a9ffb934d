"""One operation of Alembic's on a table that is there: which changes it becomes, or why it stays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Computed, Identity

from expandcontract.alembic import spelling
from expandcontract.alembic.at_once import at_once
from expandcontract.alembic.hints import Key
from expandcontract.alembic.wanted import Wanted, columns, qualified
from expandcontract.model.names import quote, shorten, slug


@dataclass
class Become:
    """What becomes of one operation."""

    stays: list[MigrateOperation] = field(default_factory=list)
    changes: list[Wanted] = field(default_factory=list)
    remarks: list[tuple[str, ...]] = field(default_factory=list)


def changes_of(key: Key, operation: MigrateOperation, beside: Sequence[Any]) -> Become:
    """Return what becomes of an operation on the table of `key`; `beside` are all of that table."""
    become = Become()
    match operation:
        case ops.AddColumnOp():
            _added(key, operation, become)
        case ops.DropColumnOp():
            become.changes.append(_dropped(key, operation))
        case ops.AlterColumnOp():
            _altered(key, operation, become)
        case ops.CreateIndexOp():
            become.changes.append(_index(key, operation, beside))
        case ops.DropIndexOp():
            _index_dropped(key, operation, beside, become)
        case ops.CreateUniqueConstraintOp():
            become.changes.append(_unique(key, operation))
        case ops.CreateForeignKeyOp() if not operation.kw.get("initially"):
            become.changes.append(_refers(key, operation))
        case ops.DropConstraintOp() if operation.constraint_type != "primary":
            become.changes.append(_rule_dropped(key, operation))
        case _:
            become.stays.append(operation)
    return become


def _one(
    key: Key,
    kind: str,
    column: str,
    why: str,
    *words: str,
    contracts: bool = False,
    **spec: Any,  # noqa: ANN401 - fields of the kind
) -> Wanted:
    """Return a change of one column."""
    table = qualified(*key)
    return Wanted(
        kind,
        (f"{table}.{quote(column)}", *words),
        why,
        slug(f"{kind} {key[1]} {column}"),
        spec,
        contracts=contracts,
        claims=frozenset({(table, column)}),
    )


def _added(key: Key, operation: ops.AddColumnOp, become: Become) -> None:
    """A column that may be without a value is there at once, and stays Alembic's."""
    column = operation.column
    name, default = str(column.name), spelling.default(column.server_default)
    if _numbers_rows(column):
        become.stays.append(operation)
        become.remarks.append(
            (
                f"{qualified(*key)}.{name} is computed for each row:",
                "PostgreSQL writes the table anew under a lock that stops everybody.",
            )
        )
    elif default is not None:
        why = "Rows that are there get the default without being written anew, whatever it is."
        spec: dict[str, Any] = {"default": default, **({} if column.nullable else {"not_null": True})}
        if column.comment:
            spec["comment"] = column.comment
        become.changes.append(_one(key, "add-column", name, why, spelling.type_(column.type), **spec))
    elif column.nullable:
        become.stays.append(operation)
    else:
        become.stays.append(_nullable(operation))
        become.changes.append(_not_null(key, name, _filled(column)))


def _numbers_rows(column: Any) -> bool:  # noqa: ANN401
    return column.identity is not None or column.computed is not None


def _nullable(operation: ops.AddColumnOp) -> ops.AddColumnOp:
    column = operation.column._copy()  # noqa: SLF001 - as Alembic itself copies columns
    column.nullable = True
    return ops.AddColumnOp(operation.table_name, column, schema=operation.schema, **operation.kw)


def _filled(column: Any) -> str | None:  # noqa: ANN401
    """Return what code gives a row that comes without a value, where that is a constant."""
    default = column.default
    if default is None or not getattr(default, "is_scalar", False):
        return None
    value = default.arg
    if isinstance(value, bool):
        return str(value).lower()
    return (
        str(value) if isinstance(value, int | float) else spelling.expression(getattr(value, "name", value))
    )


def _not_null(key: Key, name: str, fill: str | None) -> Wanted:
    if fill is None:
        why = "Rows without a value are named first, and refused from contract on: old code may write them "
        why += 'till then. With fill="..." they get one.'
        return _one(key, "set-not-null", name, why, contracts=True)
    why = "Rows without a value get one, those of old code too; contract refuses them."
    return _one(key, "set-not-null", name, why, contracts=True, fill=fill)


def _dropped(key: Key, operation: ops.DropColumnOp) -> Wanted:
    why = "Old code may use it: contract hides it, with every value, and purge drops it."
    return _one(key, "drop-column", operation.column_name, why, contracts=True)


def _altered(key: Key, operation: ops.AlterColumnOp, become: Become) -> None:
    column = operation.column_name
    if operation.modify_type is not None:
        _retyped(key, operation, become)
    if operation.modify_nullable is False:
        become.changes.append(_not_null(key, column, None))
    if operation.modify_nullable is True:
        become.changes.append(_one(key, "drop-not-null", column, "Its lock is waited for in short turns."))
    default = operation.modify_server_default
    if default is not False:
        _default(key, operation, become)
    if operation.modify_comment is not False:
        become.stays.append(_alone(operation, modify_comment=operation.modify_comment))


def _retyped(key: Key, operation: ops.AlterColumnOp, become: Become) -> None:
    if at_once(operation.existing_type, operation.modify_type):
        become.stays.append(_alone(operation, modify_type=operation.modify_type))
        become.remarks.append(
            (
                f"{qualified(*key)}.{operation.column_name}:",
                "PostgreSQL changes this type at once, without a look at the rows.",
            )
        )
        return
    why = "PostgreSQL would write the table anew under a lock that stops everybody. "
    why += "Until contract code has to take both types."
    spec = {"type": spelling.type_(operation.modify_type), "swap": True}
    become.changes.append(_one(key, "change-type", operation.column_name, why, contracts=True, **spec))


def _default(key: Key, operation: ops.AlterColumnOp, become: Become) -> None:
    default = operation.modify_server_default
    if isinstance(default, Identity | Computed) or isinstance(
        operation.existing_server_default, Identity | Computed
    ):
        become.stays.append(_alone(operation, modify_server_default=default))
        return
    word = "NULL" if default is None else spelling.default(default) or "NULL"
    why = "Its lock is waited for in short turns."
    become.changes.append(_one(key, "set-default", operation.column_name, why, word))


def _alone(operation: ops.AlterColumnOp, **modified: Any) -> ops.AlterColumnOp:  # noqa: ANN401
    """Return the operation with one of its modifications."""
    existing = {
        name: getattr(operation, name)
        for name in ("existing_type", "existing_server_default", "existing_nullable", "existing_comment")
    }
    return ops.AlterColumnOp(
        operation.table_name, operation.column_name, schema=operation.schema, **existing, **modified
    )


def _index(key: Key, operation: ops.CreateIndexOp, beside: Sequence[Any]) -> Wanted:
    table, name = qualified(*key), spelling.index_name(operation)
    spec: dict[str, Any] = {"called": quote(name)} if name else {}
    spec |= dict(spelling.index_options(operation))
    why = "It is built while reads and writes go on."
    if operation.unique:
        spec["unique"] = True
        why = "Rows that are equal are named before anything is refused; the index is built at contract."
    return Wanted(
        "add-index",
        (table, spelling.key(operation)),
        why,
        slug(f"index {name or key[1]}"),
        spec,
        contracts=bool(operation.unique),
        claims=_claims(table, columns(operation)),
        rests=any(isinstance(each, ops.DropIndexOp) and spelling.index_name(each) == name for each in beside),
    )


def _claims(table: str, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    return frozenset((table, name) for name in names)


def _index_dropped(key: Key, operation: ops.DropIndexOp, beside: Sequence[Any], become: Become) -> None:
    """One that comes under the same name needs it: the old one steps aside first."""
    name = spelling.index_name(operation)
    why = "It goes without a lock that anybody feels, and undo builds it again."
    if any(isinstance(each, ops.CreateIndexOp) and spelling.index_name(each) == name for each in beside):
        aside = shorten(f"{name}_old")
        rename, back = (
            ops.ExecuteSQLOp(f"ALTER INDEX {qualified(key[0], one)} RENAME TO {quote(other)}")
            for one, other in ((name, aside), (aside, name))
        )
        become.stays.append(_Both(rename, back))
        name = aside
    become.changes.append(
        Wanted(
            "drop-index",
            (qualified(key[0], name),),
            why,
            slug(f"drop {name}"),
            contracts=True,
            claims=_claims(qualified(*key), columns(operation)),
            rests=name != spelling.index_name(operation),
        )
    )


class _Both(ops.ExecuteSQLOp):
    """A statement that knows what takes it back."""

    def __init__(self, up: ops.ExecuteSQLOp, down: ops.ExecuteSQLOp) -> None:
        super().__init__(up.sqltext)
        self._down = down

    def reverse(self) -> MigrateOperation:
        """Return what takes it back."""
        return self._down


def _unique(key: Key, operation: ops.CreateUniqueConstraintOp) -> Wanted:
    table, names = qualified(*key), [str(each) for each in operation.columns]
    spec = dict(_timing(operation.kw))
    if operation.kw.get("postgresql_nulls_not_distinct"):
        spec["nulls_not_distinct"] = True
    return Wanted(
        "add-unique",
        (table, ", ".join(map(quote, names))),
        "Rows that are equal are named before anything is refused; old code may write them till contract.",
        slug(f"unique {key[1]} {' '.join(names)}"),
        {**_named(operation), **spec},
        contracts=True,
        claims=_claims(table, names),
    )


def _timing(said: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if said.get("deferrable"):
        yield "deferrable", True
    if str(said.get("initially") or "").upper() == "DEFERRED":
        yield "initially_deferred", True


def _refers(key: Key, operation: ops.CreateForeignKeyOp) -> Wanted:
    table, said = qualified(*key), operation.kw
    parent = qualified(said.get("referent_schema"), operation.referent_table)
    local, remote = (
        [str(each) for each in operation.local_cols],
        [str(each) for each in operation.remote_cols],
    )
    spec: dict[str, Any] = dict(_named(operation))
    for option, action in (("on_delete", said.get("ondelete")), ("on_update", said.get("onupdate"))):
        if action:
            spec[option] = str(action).lower().replace(" ", "-")
    if str(said.get("match") or "").upper() == "FULL":
        spec["match_full"] = True
    if said.get("deferrable"):
        spec["deferrable"] = True
    return Wanted(
        "add-foreign-key",
        (f"{table}.{','.join(map(quote, local))}", f"{parent}.{','.join(map(quote, remote))}"),
        "Rows that refer to nothing are named before anything is refused; old code may write them till "
        "contract.",
        slug(f"refer {key[1]} {' '.join(local)}"),
        spec,
        contracts=True,
        claims=_claims(table, local),
        uses=_claims(parent, remote),
    )


def _rule_dropped(key: Key, operation: ops.DropConstraintOp) -> Wanted:
    table, name = qualified(*key), spelling.constraint_name(operation)
    return Wanted(
        "drop-constraint",
        (table, quote(name)),
        "Old code may rest on it until contract, and undo brings it back.",
        slug(f"drop {name}"),
        contracts=True,
        claims=_claims(table, columns(operation)),
    )


def _named(operation: Any) -> dict[str, str]:  # noqa: ANN401 - of a constraint
    name = spelling.constraint_name(operation)
    return {"called": quote(name)} if name else {}
