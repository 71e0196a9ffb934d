"""What autogenerate looks at: the user's tables, nothing of ours, and nothing that an open change is about.

Until a change is contracted the models of old code are right and those of new code are; so nothing is said of
what it works on. From contract on the new ones alone are, and what is hidden has a name of ours.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection
from sqlalchemy.schema import ForeignKeyConstraint

from expandcontract.alembic import spelling
from expandcontract.model.names import sync_schema
from expandcontract.model.phases import Stage
from expandcontract.orm import changes
from expandcontract.orm.changes import Known
from expandcontract.settings.single import ledger_schema

#: As `context.configure` takes them.
IncludeName = Callable[[str | None, str, Mapping[str, str | None]], bool]
IncludeObject = Callable[[Any, str | None, str, bool, Any], bool]

#: How names begin that are ours: of what is hidden, and of triggers.
PREFIXES = ("~ec_", "~er_", "~es_", "!ec_", "!es_")
#: Until it is contracted, or finished where nothing is to contract.
_OPEN = (Stage.NOT_STARTED, Stage.BEFORE_READY, Stage.READY)
#: Stands for every column of a table.
_WHOLE = "*"
#: What belongs to a table, and is compared by itself.
_COMPARED = frozenset({
    "column", "index", "unique_constraint", "foreign_key_constraint", "check_constraint",
})  # fmt: skip

_log = logging.getLogger("expandcontract.alembic")


class Filters:
    """The two filters of one run, each asked before the user's own, which sees what passes."""

    def __init__(
        self, connection: Connection, name: IncludeName | None, object_: IncludeObject | None
    ) -> None:
        self.connection = connection
        self._users_name, self._users_object = name, object_

    def include_name(self, name: str | None, type_: str, parents: Mapping[str, str | None]) -> bool:
        """Say whether something of that name is read from the database."""
        if parents.get("schema_name") in self._schemas or (type_ == "schema" and name in self._schemas):
            return False
        if name is not None and is_ours(name):
            return False
        return self._users_name is None or self._users_name(name, type_, parents)

    def include_object(
        self,
        object_: Any,  # noqa: ANN401 - any item of a schema
        name: str | None,
        type_: str,
        reflected: bool,  # noqa: FBT001 - Alembic's signature
        compare_to: Any,  # noqa: ANN401
    ) -> bool:
        """Say whether a thing is compared."""
        if getattr(object_, "schema", None) in self._schemas or (name is not None and is_ours(name)):
            return False
        if self._is_hidden(object_, type_):
            return False
        return self._users_object is None or self._users_object(object_, name, type_, reflected, compare_to)

    def without_ours(self, operations: Sequence[MigrateOperation]) -> list[MigrateOperation]:
        """Return the operations that are not about what is ours: other libraries ask no filter."""
        return [each for each in operations if not _about(each, self._schemas)]

    @cached_property
    def _schemas(self) -> frozenset[str]:
        ledger = ledger_schema()
        return frozenset({ledger, sync_schema(ledger)})

    def _is_hidden(self, object_: Any, type_: str) -> bool:  # noqa: ANN401
        if type_ == "table":
            return _WHOLE in self._unsettled(object_)
        if type_ not in _COMPARED:
            return False
        unsettled, named = self._unsettled(object_.table), set(_columns(object_, type_))
        if _WHOLE in unsettled or not named.isdisjoint(unsettled) or any(map(is_ours, named)):
            return True
        return isinstance(object_, ForeignKeyConstraint) and _WHOLE in self._of(*_referred(object_))

    def _unsettled(self, table: Any) -> frozenset[str]:  # noqa: ANN401
        return self._of(table.schema, table.name)

    def _of(self, schema: str | None, table: str) -> frozenset[str]:
        """Return the columns of a table that an open change is about."""
        schemas = self._default_schemas if schema is None else (schema,)
        return frozenset().union(*(self._open.get((each, table), ()) for each in schemas))

    @property
    def _default_schemas(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.connection.dialect.default_schema_name, *self._known.path)))

    @cached_property
    def _known(self) -> Known:
        known = changes.read(self.connection, ledger_schema())
        if not known.readable:
            _log.warning(
                "This role may not read the ledger in schema %s: what changes are about is compared too.",
                ledger_schema(),
            )
        return known

    @cached_property
    def _open(self) -> Mapping[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], frozenset[str]] = {}
        for change in self._known.changes:
            if change.stage not in _OPEN:
                continue
            # While a view stands for the table, a change of columns has all of it for itself.
            viewed = bool(change.leaves) and not change.claimed
            whole = viewed or change.table_leaves or change.comes_table is not None
            columns = frozenset({_WHOLE}) if whole else frozenset(change.claimed)
            for table in filter(None, (change.table, change.comes_table)):
                key = table.schema, table.name
                found[key] = found.get(key, frozenset()) | columns
        return found


def is_ours(name: str) -> bool:
    """Say whether something has a name of ours; a library may put its schema before it."""
    return name.startswith(PREFIXES) or name.rpartition(".")[2].lstrip('"').startswith(PREFIXES)


def _columns(object_: Any, type_: str) -> Iterator[str]:  # noqa: ANN401
    """Yield the columns of a thing; of an expression every word, as any may be one."""
    if type_ == "column":
        yield object_.name
        return
    yield from (column.name for column in object_.columns)
    beside = spelling.beside_keys(object_) if type_ == "index" else []
    if type_ == "check_constraint":
        beside = [str(object_.sqltext)]
    for each in (*getattr(object_, "expressions", ()), *beside):
        yield from (quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|(\w+)', str(each)))


def _referred(key: ForeignKeyConstraint) -> tuple[str | None, str]:
    """Return the schema and table that a foreign key leads to."""
    table, _, _ = key.elements[0].target_fullname.rpartition(".")
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _about(operation: MigrateOperation, schemas: Collection[Any]) -> bool:
    """Say whether an operation of another library is about what is ours."""
    if type(operation).__module__.startswith("alembic."):
        return isinstance(operation, ops.CreateTableOp) and operation.schema in schemas
    if any(_is_thing_of(thing, schemas) for thing in vars(operation).values()):
        return True
    grants = "Privileges" in type(operation).__name__
    return grants and any(_mentions(str(operation.to_diff_tuple()), schema) for schema in schemas)


def _is_thing_of(thing: Any, schemas: Collection[Any]) -> bool:  # noqa: ANN401 - a function, a trigger, ...
    name, schema = getattr(thing, "name", None), getattr(thing, "schema", None)
    if schema in schemas or (type(thing).__name__ == "Schema" and name in schemas):
        return True
    executes = getattr(thing, "execute", None)
    if isinstance(executes, str) and any(_mentions(executes, each) for each in schemas):
        return True
    return isinstance(name, str) and is_ours(name)


def _mentions(text: str, schema: str) -> bool:
    return re.search(rf'(?<!\w)"?{re.escape(schema)}"?(?!\w)', text) is not None
