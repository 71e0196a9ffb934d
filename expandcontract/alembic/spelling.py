"""How what SQLAlchemy has of a type, a default or an index is written for a kind's options."""

from collections.abc import Iterator
from typing import Any

from alembic.operations import ops
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.elements import ClauseElement

from expandcontract.model.names import literal, quote, split

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_PREPARER = _DIALECT.identifier_preparer


def type_(of: Any) -> str:  # noqa: ANN401 - SQLAlchemy's types
    """Return a type as in CREATE TABLE; empty for one that SQLAlchemy does not know."""
    try:
        return str(of.compile(dialect=_DIALECT))
    except CompileError:
        return ""


def expression(of: Any) -> str:  # noqa: ANN401 - a text, an expression or a literal
    """Return an expression or constant as SQL."""
    if isinstance(of, ClauseElement):
        return str(of.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    return literal(str(of)).strip()


def default(of: Any) -> str | None:  # noqa: ANN401 - a server default
    """Return a server default as SQL; None where there is none, or it is an identity's."""
    argument = getattr(of, "arg", of if isinstance(of, str | ClauseElement) else None)
    return None if argument is None else expression(argument)


def index_name(of: ops.CreateIndexOp | ops.DropIndexOp) -> str:
    """Return what the database calls it: SQLAlchemy cuts what a naming convention makes too long."""
    return _final(_PREPARER.truncate_and_render_index_name, of.index_name)


def constraint_name(of: Any) -> str:  # noqa: ANN401 - what makes or drops a constraint
    """Return what the database calls it; empty where PostgreSQL chooses."""
    return _final(_PREPARER.truncate_and_render_constraint_name, of.constraint_name)


def _final(render: Any, name: Any) -> str:  # noqa: ANN401 - SQLAlchemy's names
    if name is None or not isinstance(name, str):
        return ""
    rendered = render(name)
    return "" if rendered is None else split(rendered)[-1]


def key(of: ops.CreateIndexOp) -> str:
    """Return what stands in the parentheses after the table."""
    named = {name: of.kw[name] for name in ("postgresql_using", "postgresql_ops") if of.kw.get(name)}
    # Columns that it includes SQLAlchemy looks for in a table that Alembic's operation does not have.
    bare = ops.CreateIndexOp(of.index_name, of.table_name, of.columns, schema=of.schema, **named)
    return _in_parentheses(str(CreateIndex(bare.to_index()).compile(dialect=_DIALECT)))


def index_options(of: ops.CreateIndexOp) -> Iterator[tuple[str, Any]]:
    """Yield what is said of an index beside what it is on."""
    prefix = "postgresql_"
    said = {name.removeprefix(prefix): value for name, value in of.kw.items() if name.startswith(prefix)}
    if said.get("using"):
        yield "method", str(said["using"])
    if said.get("include"):
        yield "include", ", ".join(quote(str(getattr(each, "name", each))) for each in said["include"])
    if said.get("nulls_not_distinct"):
        yield "nulls_not_distinct", True
    if said.get("with"):
        yield "storage", ", ".join(f"{name} = {value}" for name, value in said["with"].items())
    if said.get("tablespace"):
        yield "tablespace", quote(str(said["tablespace"]))
    where = said.get("where")
    if where is not None:
        yield "where", where if isinstance(where, str) else _predicate(where)


def _predicate(where: ClauseElement) -> str:
    """Return a predicate as it stands in an index: without the table's name before its columns."""
    options = {"literal_binds": True, "include_table": False}
    return str(where.compile(dialect=_DIALECT, compile_kwargs=options))


def _in_parentheses(text: str) -> str:
    """Return the first group in parentheses that no quotes are around."""
    depth, start, quoted = 0, 0, ""
    for place, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "\"'":
            quoted = letter
        elif letter == "(":
            depth += 1
            start = start or place + 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return text[start:place]
    return text


def beside_keys(index: Any) -> list[str]:  # noqa: ANN401 - an index of SQLAlchemy's
    """Return the texts of an index that name columns which are no key of it: WHERE and INCLUDE."""
    said = index.dialect_options["postgresql"]
    where = said.get("where")
    included = [str(getattr(each, "name", each)) for each in said.get("include") or ()]
    return included if where is None else [str(where), *included]
