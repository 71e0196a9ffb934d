"""What migrations of Alembic and Django do, read from their syntax: nothing of them is run."""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from instrument import sql_history

#: What a call of Alembic's `op` does; None for one that is looked at more closely.
_ALEMBIC: Mapping[str, str | None] = {
    "add_column": None,
    "alter_column": None,
    "execute": None,
    "create_table": "create table",
    "drop_table": "drop table",
    "drop_column": "drop column",
    "rename_table": "rename table",
    "create_index": "add index",
    "drop_index": "drop index",
    "create_foreign_key": "add foreign key",
    "create_unique_constraint": "add unique",
    "create_check_constraint": "add check",
    "create_primary_key": "add primary key",
    "create_exclude_constraint": "add exclusion",
    "drop_constraint": "drop constraint",
    "bulk_insert": "insert rows",
    "create_table_comment": "comment",
    "drop_table_comment": "comment",
    "create_type": "create type",
    "create_view": "create view",
}
#: Names by which `op` goes in migrations, also inside of batch_alter_table.
_OPS = frozenset({"op", "batch_op", "batch"})
_CODE = "unread: a program moves rows"
_NOTHING = "nothing in the database"
Field: TypeAlias = tuple[str, dict[str, str]]


def alembic(source: str) -> Iterator[str]:
    """Yield what `upgrade` does, in order."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and function.name == "upgrade":
            calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
            for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
                yield from _alembic_call(call)


def _alembic_call(call: ast.Call) -> Iterator[str]:
    name, on = _attribute(call)
    told = on in _OPS
    if name in {"execute", "exec_driver_sql"}:
        text = _text(call.args[0]) if call.args else None
        yield from sql_history.operations(text) if text is not None else (_statement(call),)
    elif told and name == "add_column":
        columns = [each for each in call.args if isinstance(each, ast.Call)]
        strict = any(_named(column, "nullable") == "False" for column in columns)
        yield "add column NOT NULL" if strict else "add column"
    elif told and name == "alter_column":
        yield from _altered(call)
    elif told and name in _ALEMBIC:
        yield _ALEMBIC[name] or ""
    elif told and name not in ("batch_alter_table", "get_bind", "get_context", "f", "inline_literal"):
        yield f"unread: op.{name}"


def _statement(call: ast.Call) -> str:
    """What is executed where it is no text: built by SQLAlchemy, or by the program."""
    dumped = ast.dump(call)
    made = ("update", "delete", "insert")
    found = (name for name in made if f"attr='{name}'" in dumped or f"id='{name}'" in dumped)
    return next((f"{name} rows" for name in found), _CODE)


def _altered(call: ast.Call) -> Iterator[str]:
    nullable = _named(call, "nullable")
    found = [
        what
        for there, what in (
            (_named(call, "new_column_name"), "rename column"),
            (_named(call, "type_"), "change type"),
            (nullable == "False", "set NOT NULL"),
            (nullable == "True", "drop NOT NULL"),
            (_named(call, "server_default"), "set default"),
            (_named(call, "comment"), "comment"),
        )
        if there
    ]
    yield from found or (_NOTHING,)


def _attribute(call: ast.Call) -> tuple[str, str]:
    """Return what is called, and on what."""
    if not isinstance(call.func, ast.Attribute):
        return "", ""
    on = call.func.value
    return call.func.attr, on.id if isinstance(on, ast.Name) else ""


def _named(call: ast.Call, name: str) -> str:
    """Return an argument as it is written; empty where it is not given."""
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), "")


def _text(node: ast.expr) -> str | None:
    """Return the SQL of a constant, a call of text() with one, or an f-string, with X for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(each) or "x" for each in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = _text(node.left), _text(node.right)
        return "".join(each or "x" for each in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _text(node.left)
    if isinstance(node, ast.Call):
        return _called(node)
    return None


def _called(call: ast.Call) -> str | None:
    """Return the SQL of text("..."), text("...").bindparams(...) or "...".format(...)."""
    on = call.func.value if isinstance(call.func, ast.Attribute) else None
    of = _text(on) if on is not None else None
    return of if of is not None or not call.args else _text(call.args[0])


class Django:
    """Reads the migrations of a project in order, and remembers how each field was, so that an AlterField
    tells what it alters.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._fields: dict[tuple[str, str, str], Field] = {}
        self._calls: Mapping[str, Callable[[str, ast.Call], Iterator[str]]] = {
            "CreateModel": self._create,
            "AddField": self._add,
            "AlterField": self._alter,
            "RenameField": self._rename,
            "RunSQL": self._sql,
        }

    def read(self, app: str, source: str) -> Iterator[str]:
        """Yield what the next migration of an app does."""
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "operations":
                yield from self._listed(app, node.value)

    def _listed(self, app: str, operations: ast.expr) -> Iterator[str]:
        for call in operations.elts if isinstance(operations, ast.List) else ():
            if not isinstance(call, ast.Call):
                yield "unread: operations of a program"
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
            if name == "SeparateDatabaseAndState":
                inner = next((k.value for k in call.keywords if k.arg == "database_operations"), None)
                yield from self._listed(app, inner) if inner is not None else (_NOTHING,)
            elif name in self._calls:
                yield from self._calls[name](app, call)
            else:
                yield _DJANGO.get(name) or _constraint(name, call)

    def _create(self, app: str, call: ast.Call) -> Iterator[str]:
        listed = next((k.value for k in call.keywords if k.arg == "fields"), None)
        for each in listed.elts if isinstance(listed, ast.List) else ():
            if isinstance(each, ast.Tuple) and isinstance(each.elts[1], ast.Call):
                name = ast.unparse(each.elts[0]).strip("'\"")
                self._fields[app, _given(call, 0, "name"), name] = _field(each.elts[1])
        yield "create table"

    def _add(self, app: str, call: ast.Call) -> Iterator[str]:
        field = self._kept(app, call)
        if field is None:
            yield "add column"
        elif field[0] == "ManyToManyField":
            yield "create table"
        else:
            yield "add column" if field[1].get("null") == "True" else "add column NOT NULL"

    def _kept(self, app: str, call: ast.Call) -> Field | None:
        """Remember how the field is now."""
        made = _argument(call, 2, "field")
        if not isinstance(made, ast.Call):
            return None
        self._fields[app, _given(call, 0, "model_name"), _given(call, 1, "name")] = field = _field(made)
        return field

    def _alter(self, app: str, call: ast.Call) -> Iterator[str]:
        was = self._fields.get((app, _given(call, 0, "model_name"), _given(call, 1, "name")))
        now = self._kept(app, call)
        if was is None or now is None:
            yield "change type"
            return
        nullable = was[1].get("null"), now[1].get("null")
        found = [
            what
            for there, what in (
                (was[0] != now[0] or _sizes(was) != _sizes(now), "change type"),
                (nullable[0] == "True" and nullable[1] != "True", "set NOT NULL"),
                (nullable[0] != "True" and nullable[1] == "True", "drop NOT NULL"),
                (was[1].get("unique") != "True" and now[1].get("unique") == "True", "add unique"),
                (was[1].get("unique") == "True" and now[1].get("unique") != "True", "drop constraint"),
                (was[1].get("db_index") != "True" and now[1].get("db_index") == "True", "add index"),
                (was[1].get("db_index") == "True" and now[1].get("db_index") != "True", "drop index"),
                (was[1].get("db_column") != now[1].get("db_column"), "rename column"),
                (was[1].get("to") != now[1].get("to"), "add foreign key"),
            )
            if there
        ]
        yield from found or (_NOTHING,)

    def _rename(self, app: str, call: ast.Call) -> Iterator[str]:
        model, old = _given(call, 0, "model_name"), _given(call, 1, "old_name")
        new = _given(call, 2, "new_name")
        if (app, model, old) in self._fields:
            self._fields[app, model, new] = self._fields.pop((app, model, old))
        yield "rename column"

    @staticmethod
    def _sql(_: str, call: ast.Call) -> Iterator[str]:
        given = _argument(call, 0, "sql")
        texts = given.elts if isinstance(given, ast.List | ast.Tuple) else [given]
        for each in texts:
            text = _text(each) if each is not None else None
            yield from sql_history.operations(text) if text is not None else ("unread: SQL of a program",)


#: What an operation of Django does that needs no closer look.
_DJANGO = {
    "DeleteModel": "drop table",
    "RenameModel": "rename table",
    "AlterModelTable": "rename table",
    "RemoveField": "drop column",
    "AddIndex": "add index",
    "AddIndexConcurrently": "add index",
    "AlterIndexTogether": "add index",
    "RemoveIndex": "drop index",
    "RemoveIndexConcurrently": "drop index",
    "RenameIndex": "rename index",
    "AlterUniqueTogether": "add unique",
    "RemoveConstraint": "drop constraint",
    "AddConstraintNotValid": "add check",
    "ValidateConstraint": "validate constraint",
    "AlterConstraint": _NOTHING,
    "RunPython": _CODE,
    "AlterModelOptions": _NOTHING,
    "AlterModelManagers": _NOTHING,
    "AlterModelTableComment": "comment",
    "AlterOrderWithRespectTo": "add column NOT NULL",
    "CreateExtension": "create extension",
    "CreateCollation": "create type",
}


def _constraint(name: str, call: ast.Call) -> str:
    if name.endswith("Extension"):
        return "create extension"
    if name != "AddConstraint":
        return f"unread: {name}"
    dumped = ast.unparse(call)
    kinds = ("Unique", "Check", "Exclusion")
    found = (f"add {kind.lower()}" for kind in kinds if f"{kind}Constraint" in dumped)
    return next(found, "unread: AddConstraint")


def _field(call: ast.Call) -> Field:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    return name, {each.arg: ast.unparse(each.value) for each in call.keywords if each.arg}


def _sizes(field: Field) -> tuple[str | None, ...]:
    return tuple(field[1].get(name) for name in ("max_length", "max_digits", "decimal_places", "base_field"))


def _given(call: ast.Call, place: int, name: str) -> str:
    """Return a name that an operation is given; models go by lower case."""
    node = _argument(call, place, name)
    text = node.value if isinstance(node, ast.Constant) else ""
    return str(text).lower() if name in ("model_name", "name") and place == 0 else str(text)


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    given = call.args[place] if place < len(call.args) else None
    return next((each.value for each in call.keywords if each.arg == name), given)
