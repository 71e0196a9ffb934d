"""An empty clone of the table, in a savepoint that is rolled back: what an expression means and what still fits is asked of PostgreSQL, not guessed.

The clone is a temporary table with the columns of the real one, without rows, constraints, indexes and defaults. Nothing of it outlives the question.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression
from expandcontract.model.names import quote
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.sqlstate import server_message, sqlstate

_CLONE = "pg_temp.ec_clone"

#: Casts that no value can make fail, by pg_type.typname. Every type casts to text without error.
_WIDENING = {
    "int2": {"int4", "int8", "numeric", "float4", "float8"},
    "int4": {"int8", "numeric", "float8"},
    "int8": {"numeric"},
    "float4": {"float8"},
    "varchar": {"text"},
    "bpchar": {"text"},
    "name": {"text"},
    "date": {"timestamp"},
    "cidr": {"inet"},
}


@dataclass(frozen=True)
class Expression:
    """What the server made of an expression over one column.

    `sql` is qualified, independent of any search_path, and ends in a cast to `type`. `immutable` is its judgement for a generated column. `of_null` is whether NULL yields NULL.
    `functions` are those that it calls outside pg_catalog, as regprocedure text.
    """

    sql: str
    type: str
    immutable: bool
    total: bool
    null_for_null: bool
    functions: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewType:
    """A type as the server spells it, with what a column of it brings along."""

    type: str
    base: str
    plain_equality: bool
    collatable: bool = False
    collation: str | None = None


@dataclass(frozen=True)
class Judgement:
    """What the clone said of a change of one column.

    `definitions` are those of indexes and CHECK constraints for the new column, by name; what is missing does not fit the new type. `hidden_definitions` are those of unique indexes
    for the hidden column. `default` is the new side's default as SQL. `denied` names, for every role that may write the table, the functions it may not call.
    """

    new_type: NewType
    forward: Expression | None
    back: Expression | None
    default: str | None
    definitions: dict[str, str] = field(default_factory=dict)
    hidden_definitions: dict[str, str] = field(default_factory=dict)
    denied: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Question:
    """A new side for `column`: its names, and for a change of type the type and the expressions as the user wrote them."""

    column: str
    new: str
    hidden: str
    type: str | None = None
    using: str | None = None
    back: str | None = None
    one_way: bool = False
    back_column: str = ""


async def judge(conn: AsyncConnection, snapshot: Snapshot, question: Question) -> Judgement:
    """Ask the server everything about a new side. The caller's transaction is as before afterwards.

    Raises:
        BadExpression: an expression or the type does not parse, has the wrong type, names another column, or is more than an expression.
    """
    column = snapshot.column(question.column)
    assert column is not None  # noqa: S101 - the snapshot was loaded for this column
    async with _savepoint(conn):
        await _create(conn, snapshot)
        new_type = await _new_type(conn, column, question)
        forward = back = None
        if question.type is not None:
            forward = await _expression(conn, question.column, column.type, question.using, new_type.type, "--using")
            if not question.one_way:
                await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} ADD COLUMN {quote(question.new)} {new_type.type}")
                written = await _own_name(conn, question)
                back = await _expression(conn, question.new, new_type.type, written, column.type, "--back")
                await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} DROP COLUMN {quote(question.new)}")
        default = await _default(conn, column, forward, question)
        hidden_definitions = await _hidden_definitions(conn, snapshot, question)
        definitions = await _definitions(conn, snapshot, question, new_type)
    functions = sorted({f for e in (forward, back) if e is not None for f in e.functions})
    denied = await _denied(conn, snapshot.relation.writers, functions)
    return Judgement(new_type, forward, back, default, definitions, hidden_definitions, denied)


@asynccontextmanager
async def _savepoint(conn: AsyncConnection) -> AsyncIterator[None]:
    """Roll back whatever the body did, whether it fails or not. search_path is the role's own inside."""
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(
            "SELECT pg_catalog.set_config('search_path', (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'), true)"
        )
        yield
    finally:
        await savepoint.rollback()


async def _create(conn: AsyncConnection, snapshot: Snapshot) -> None:
    await conn.exec_driver_sql(f"CREATE TEMPORARY TABLE ec_clone (LIKE {snapshot.table.sql})")


async def _new_type(conn: AsyncConnection, column: Column, question: Question) -> NewType:
    wanted = column.type if question.type is None else _single(question.type, "--type")
    before = await _columns(conn)
    try:
        async with conn.begin_nested():
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} ADD COLUMN ec_type {wanted}")
            if await _columns(conn) != before + 1:
                raise BadExpression(f"{wanted!r} is not a type.", why="It says more than the name of a type.")
            found = await _read_type(conn)
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} DROP COLUMN ec_type")
    except DBAPIError as error:
        raise BadExpression(f"{wanted!r} is not a type.", why=_words(error)) from error
    inherits = found.collatable and found.collation is None
    return replace(found, collation=column.collation) if inherits else found


async def _read_type(conn: AsyncConnection) -> NewType:
    await conn.exec_driver_sql("SELECT pg_catalog.set_config('search_path', '', true)")
    query = """
        SELECT pg_catalog.format_type(a.atttypid, a.atttypmod), y.typname::text,
               y.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND y.typname <> 'bpchar'
               AND coalesce(l.collisdeterministic, true)
               AND EXISTS (SELECT FROM pg_catalog.pg_opclass o
                           JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
                           JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amprocnum = 4
                            AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
                           WHERE o.opcdefault AND o.opcintype =
                                 CASE WHEN y.typname = 'varchar' THEN 'text'::pg_catalog.regtype ELSE y.oid END),
               y.typcollation <> 0,
               CASE WHEN a.attcollation <> y.typcollation THEN
                    pg_catalog.format('%I.%I', (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = l.collnamespace), l.collname) END
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
        WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attname = 'ec_type'"""
    row = (await conn.exec_driver_sql(query, (_CLONE,))).one()
    await _own_search_path(conn)
    return NewType(*row)


async def _columns(conn: AsyncConnection) -> int:
    """How many columns the clone has: smuggled ones show here."""
    query = """SELECT count(*) FROM pg_catalog.pg_attribute
               WHERE attrelid = $1::text::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"""
    return int((await conn.exec_driver_sql(query, (_CLONE,))).scalar_one())


async def _own_search_path(conn: AsyncConnection) -> None:
    await conn.exec_driver_sql(
        "SELECT pg_catalog.set_config('search_path', (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'), true)"
    )


async def _columns_added(conn: AsyncConnection) -> int:
    """How many columns the clone has beyond those of the table: smuggled ones show here."""
    query = """
        SELECT count(*) FILTER (WHERE attname LIKE 'ec\\_%' OR attnum > (SELECT max(attnum) FROM pg_catalog.pg_attribute WHERE attrelid = $1::text::pg_catalog.regclass) - 0)
        FROM pg_catalog.pg_attribute WHERE attrelid = $1::text::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"""
    return int((await conn.exec_driver_sql(query, (_CLONE,))).scalar_one())


async def _expression(
    conn: AsyncConnection, column: str, argument: str, written: str | None, result: str, option: str
) -> Expression:
    text = quote(column) if written is None else _single(written, option)
    cast = f"CAST(({text}) AS {result})"
    try:
        async with conn.begin_nested():
            sql, functions = await _canonical(conn, column, cast, option)
    except DBAPIError as error:
        hint = "" if written is not None else f" Give an expression with {option}."
        message = f"{argument} cannot be turned into {result}." if written is None else f"{option} {written!r} is not an expression for {result}."
        raise BadExpression(message, why=_words(error) + hint) from error
    immutable = await _tries(conn, f"ALTER TABLE {_CLONE} ADD COLUMN ec_generated {result} GENERATED ALWAYS AS ({sql}) STORED")
    total = written is None and await _is_total(conn, column, result)
    null = await _null_for_null(conn, column, argument, sql)
    return Expression(sql, result, immutable=immutable, total=total, null_for_null=null, functions=functions)


async def _canonical(conn: AsyncConnection, column: str, cast: str, option: str) -> tuple[str, tuple[str, ...]]:
    """Have the server parse the expression inside a CHECK, and read back what it understood, qualified."""
    await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} ADD CONSTRAINT ec_check CHECK ({cast} IS NOT NULL)")
    await conn.exec_driver_sql("SELECT pg_catalog.set_config('search_path', '', true)")
    query = """
        SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid),
               ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)),
               (SELECT count(*) FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.conrelid AND o.contype = 'c'),
               ARRAY(SELECT d.refobjid::pg_catalog.regprocedure::text FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid
                       AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass ORDER BY 1)
        FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1::text::pg_catalog.regclass AND c.conname = 'ec_check'"""
    sql, columns, constraints, functions = (await conn.exec_driver_sql(query, (_CLONE,))).one()
    await _own_search_path(conn)
    await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} DROP CONSTRAINT ec_check")
    if constraints != 1 or not sql.endswith(" IS NOT NULL)"):
        raise BadExpression(f"{option} must be one expression.", why="It says more than that.")
    strangers = [name for name in columns if name != column]
    if strangers:
        raise BadExpression(
            f"{option} names {', '.join(map(quote, strangers))}.", why=f"It may use {quote(column)} alone: a write of another column would not be noticed."
        )
    return sql.removeprefix("(").removesuffix(" IS NOT NULL)"), tuple(functions)


async def _tries(conn: AsyncConnection, statement: str) -> bool:
    """Whether the statement goes through; it is rolled back in any case."""
    savepoint = await conn.begin_nested()
    try:
        await conn.exec_driver_sql(statement)
    except DBAPIError:
        return False
    else:
        return True
    finally:
        await savepoint.rollback()


async def _is_total(conn: AsyncConnection, column: str, result: str) -> bool:
    query = """
        SELECT y.typname, r.typname, y.typtype, r.typtype, a.atttypmod
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid, pg_catalog.pg_type r
        WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attname = $2::text AND r.oid = $3::text::pg_catalog.regtype"""
    source, target, source_kind, target_kind, _ = (await conn.exec_driver_sql(query, (_CLONE, column, result))).one()
    if target_kind == "d" or (target == "numeric" and "(" in result):
        return False  # a domain's CHECK, or a precision that may be exceeded
    if target in ("text", "varchar"):
        return True  # an explicit cast to varchar(n) cuts; whether the value fits is asked apart
    return source == target and source_kind != "c" or target in _WIDENING.get(source, ())


async def _null_for_null(conn: AsyncConnection, column: str, argument: str, sql: str) -> bool:
    savepoint = await conn.begin_nested()
    try:
        query = f"SELECT ({sql}) IS NULL FROM (SELECT NULL::{argument} AS {quote(column)}) AS ec_row"
        return bool((await conn.exec_driver_sql(query)).scalar_one())
    except DBAPIError:
        return True  # an error becomes NULL
    finally:
        await savepoint.rollback()


async def _own_name(conn: AsyncConnection, question: Question) -> str | None:
    """`--back` of a swap names the column as new code will: by the old name. Read it over a column of the new type."""
    if question.back is None or question.back_column in ("", question.new):
        return question.back
    text = _single(question.back, "--back")
    old, new = quote(question.back_column), quote(question.new)
    try:
        async with conn.begin_nested():
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} RENAME COLUMN {old} TO ec_old")
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} RENAME COLUMN {new} TO {old}")
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} ADD CONSTRAINT ec_back CHECK (({text}) IS NOT NULL)")
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} RENAME COLUMN {old} TO {new}")
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} RENAME COLUMN ec_old TO {old}")
            query = "SELECT pg_catalog.pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint WHERE conrelid = $1::text::pg_catalog.regclass AND conname = 'ec_back'"
            sql: str = (await conn.exec_driver_sql(query, (_CLONE,))).scalar_one()
            await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} DROP CONSTRAINT ec_back")
    except DBAPIError as error:
        raise BadExpression(f"--back {question.back!r} is not an expression.", why=_words(error)) from error
    return sql.removeprefix("(").removesuffix(" IS NOT NULL)")


async def _default(conn: AsyncConnection, column: Column, forward: Expression | None, question: Question) -> str | None:
    if column.default is None or column.default_kind == "volatile":
        return None
    if forward is None:
        return column.default
    if column.default_kind == "stable":
        return f"CAST(({column.default}) AS {forward.type})" if question.using is None else None
    savepoint = await conn.begin_nested()
    try:
        row = f"SELECT ({column.default})::{column.type} AS {quote(column.name)}"
        value = (await conn.exec_driver_sql(f"SELECT pg_catalog.quote_literal(({forward.sql})::text) FROM ({row}) AS ec_row")).scalar_one()
    except DBAPIError:
        return None  # a default that the new type cannot hold is not carried
    finally:
        await savepoint.rollback()
    return None if value is None else f"{value}::{forward.type}"


async def _hidden_definitions(conn: AsyncConnection, snapshot: Snapshot, question: Question) -> dict[str, str]:
    unique = [index for index in snapshot.indexes if index.unique and question.column in index.columns]
    savepoint = await conn.begin_nested()
    try:
        return await _renamed(conn, unique, (), question.column, question.hidden)
    finally:
        await savepoint.rollback()


async def _definitions(conn: AsyncConnection, snapshot: Snapshot, question: Question, new_type: NewType) -> dict[str, str]:
    if question.type is not None:
        await conn.exec_driver_sql(
            f"ALTER TABLE {_CLONE} ALTER COLUMN {quote(question.column)} TYPE {new_type.type} USING NULL::{new_type.type}"
        )
    indexes = [index for index in snapshot.indexes if question.column in index.columns and not index.primary]
    checks = [
        (check.name, check.definition.removesuffix(" NOT VALID"))
        for check in snapshot.constraints
        if check.kind == "c" and question.column in check.columns
    ]
    return await _renamed(conn, indexes, checks, question.column, question.new)


async def _renamed(
    conn: AsyncConnection, indexes: Sequence[Index], checks: Sequence[tuple[str, str]], column: str, to: str
) -> dict[str, str]:
    """Put indexes and checks on the clone, rename the column, and read how the server writes them now."""
    for index in indexes:
        await _attempt(conn, f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quote(index.name)} ON {_CLONE} USING {index.definition}")
    for name, definition in checks:
        await _attempt(conn, f"ALTER TABLE {_CLONE} ADD CONSTRAINT {quote(name)} {definition}")
    await conn.exec_driver_sql(f"ALTER TABLE {_CLONE} RENAME COLUMN {quote(column)} TO {quote(to)}")
    await conn.exec_driver_sql("SELECT pg_catalog.set_config('search_path', '', true)")
    query = """
        SELECT c.relname::text,
               substr(d.text, length(format('CREATE %sINDEX %I ON pg_temp.ec_clone USING ',
                                            CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname)) + 1)
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid)) AS d(text)
        WHERE i.indrelid = $1::text::pg_catalog.regclass
        UNION ALL
        SELECT conname::text, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid = $1::text::pg_catalog.regclass AND contype = 'c'"""
    rows = (await conn.exec_driver_sql(query, (_CLONE,))).all()
    await _own_search_path(conn)
    return dict(sorted((name, definition) for name, definition in rows))


async def _attempt(conn: AsyncConnection, statement: str) -> None:
    """Run a statement whose failure only means that the thing does not fit."""
    try:
        async with conn.begin_nested():
            await conn.exec_driver_sql(statement)
    except DBAPIError:
        return


async def _denied(conn: AsyncConnection, writers: Sequence[str], functions: Sequence[str]) -> tuple[tuple[str, str], ...]:
    query = """
        SELECT r.rolname::text, f FROM pg_catalog.pg_roles r, unnest($2::text[]) AS f
        WHERE r.rolname = ANY ($1::text[]) AND NOT pg_catalog.has_function_privilege(r.oid, f, 'EXECUTE') ORDER BY 1, 2"""
    rows = (await conn.exec_driver_sql(query, (list(writers), list(functions)))).all() if functions else ()
    return tuple((role, function) for role, function in rows)


def _single(text: str, option: str) -> str:
    """Refuse a text that is more than one expression, before the server sees it: an unbalanced parenthesis, a semicolon, a comment."""
    depth, position = 0, 0
    while position < len(text):
        character = text[position]
        if character in "'\"":
            end = text.find(character, position + 1)
            position = len(text) if end < 0 else end
        elif character in "()[]":
            depth += 1 if character in "([" else -1
        elif character == ";" or text.startswith(("--", "/*"), position):
            raise BadExpression(f"{option} must be one expression: {text!r}.", why=f"{text[position:position + 2].strip()!r} cannot be part of it.")
        if depth < 0:
            raise BadExpression(f"{option} must be one expression: {text!r}.", why="A parenthesis is closed that was not opened.")
        position += 1
    if depth or not text.strip():
        raise BadExpression(f"{option} must be one expression: {text!r}.", why="It is empty, or a parenthesis is not closed.")
    return text


def _words(error: DBAPIError) -> str:
    return f"{server_message(error)[0]} (SQLSTATE {sqlstate(error)})"
