"""An empty clone of the table, in a savepoint that is rolled back.

What an expression means, and what still fits a new type, is asked of PostgreSQL, not guessed. The clone is a
temporary table with the columns of the real one, without rows, constraints, indexes and defaults.

To plan has no effects. Expressions are parsed and planned; one is evaluated only when nothing in it is
volatile, in a transaction that is read-only at that moment, so that a wrong label moves no sequence either.
"""

import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression, UnsupportedShape
from expandcontract.model.names import RelationName, quote
from expandcontract.postgres import bodies
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.expression import expression_settings, single
from expandcontract.postgres.owner_rights import trying
from expandcontract.postgres.query import execute, rows, value
from expandcontract.postgres.sqlstate import server_message, sqlstate

_CLONE = "pg_temp.ec_clone"
#: A name of a column that is found again in what the server writes.
_PLACE = "ec_the_place_of_the_default"

#: Casts that no value can make fail, by pg_type.typname. Every type casts to text without error.
_WIDENING = {
    "int2": {"int4", "int8", "numeric", "float4", "float8"},
    "int4": {"int8", "numeric", "float8"},
    "int8": {"numeric"},
    "float4": {"float8"},
    "varchar": {"text"},
    "bpchar": {"text"},
    "name": {"text"},
    "cidr": {"inet"},
}

_INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}

#: What is asked under the role's own search_path names every operator with its schema: where pg_catalog has
#: none of just these types, such as (oid, regclass), one in a schema of the path would run with our rights.
_EQ, _NE = "OPERATOR(pg_catalog.=)", "OPERATOR(pg_catalog.<>)"

_NO_PATH = "SELECT pg_catalog.set_config('search_path', '', true)"
#: Users write expressions as in their own sessions.
_OWN_PATH = f"""
SELECT pg_catalog.set_config('search_path', reset_val, true)
FROM pg_catalog.pg_settings WHERE name {_EQ} 'search_path'
"""

#: IS NOT DISTINCT FROM means identical for a built-in type whose default btree class has support function 4
#: (equalimage). bpchar has it too, though 'a' and 'a ' are equal.
_TYPE = """
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
            (SELECT pg_catalog.format('%I.%I', nspname, l.collname)
             FROM pg_catalog.pg_namespace WHERE oid = l.collnamespace) END,
       pg_catalog.format_type(a.atttypid, -1)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attname = 'ec_type'
"""

_FILENODE = "SELECT pg_catalog.pg_relation_filenode($1::text::pg_catalog.regclass)"

#: Whether the new column has a default or a constraint beside its type, which would be lost in silence.
_MORE_THAN_A_TYPE = f"""
SELECT a.atthasdef OR a.attnotnull OR a.attidentity {_NE} '' OR EXISTS (
    SELECT FROM pg_catalog.pg_constraint c
    WHERE c.conrelid {_EQ} a.attrelid AND a.attnum {_EQ} ANY (c.conkey))
FROM pg_catalog.pg_attribute a
WHERE a.attrelid {_EQ} $1::text::pg_catalog.regclass AND a.attname {_EQ} 'ec_type'
"""
_COLUMNS = f"""
SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute
WHERE attrelid {_EQ} $1::text::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
"""

#: What the server made of the CHECK that holds an expression, and what else came with it.
_CHECK = """
SELECT pg_catalog.pg_get_expr(c.conbin, c.conrelid),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)),
       (SELECT count(*) FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.conrelid AND o.contype = 'c'),
       ARRAY(SELECT d.refobjid::pg_catalog.regprocedure::text FROM pg_catalog.pg_depend d
             WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = c.oid
               AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass ORDER BY 1)
FROM pg_catalog.pg_constraint c
WHERE c.conrelid = $1::text::pg_catalog.regclass AND c.conname = 'ec_check'
"""

_CAST = f"""
SELECT y.typname::text, r.typname::text, r.typtype::text
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid {_EQ} a.atttypid, pg_catalog.pg_type r
WHERE a.attrelid {_EQ} $1::text::pg_catalog.regclass AND a.attname {_EQ} $2::text
  AND r.oid {_EQ} $3::text::pg_catalog.regtype
"""

_DEFINITIONS = """
SELECT c.relname::text,
       substr(d.text, length(format('CREATE %sINDEX %I ON pg_temp.ec_clone USING ',
                                    CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname)) + 1)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid)) AS d(text)
WHERE i.indrelid = $1::text::pg_catalog.regclass
UNION ALL
SELECT conname::text, pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
WHERE conrelid = $1::text::pg_catalog.regclass AND contype = 'c'
"""

#: $1 roles, $2 functions.
_DENIED = """
SELECT r.rolname::text, f FROM pg_catalog.pg_roles r, unnest($2::text[]) AS f
WHERE r.rolname = ANY ($1::text[]) AND NOT pg_catalog.has_function_privilege(r.oid, f, 'EXECUTE')
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Expression:
    """What the server made of an expression over one column.

    `sql` is qualified, independent of any search_path, and ends in a cast to `type`. `immutable` is its
    judgement
    for a generated column. `null_for_null` is whether NULL yields NULL. `functions` are those that it calls
    outside pg_catalog, as regprocedure text. One that is `volatile` was never evaluated: as --back it is made
    to keep NULL, as --using nobody knows what it makes of it. `doubtful` are names in its functions' bodies
    that keep it from being taken for immutable. `settings` (name, value as SQL) make it the same in every
    session; `pathless` are the functions for which search_path is among them.
    """

    sql: str
    type: str
    immutable: bool
    total: bool
    null_for_null: bool
    functions: tuple[str, ...] = ()
    volatile: bool = False
    doubtful: tuple[str, ...] = ()
    pathless: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NewType:
    """A type as the server spells it, with what a column of it brings along; `collation` is SQL, and `bare`
    the type without modifiers.
    """

    type: str
    base: str
    plain_equality: bool
    collatable: bool = False
    collation: str | None = None
    bare: str = ""


@dataclass(frozen=True)
class Judgement:
    """What the clone said of a new side for one column.

    `definitions` are those of indexes and CHECK constraints for the new column, by name; what is missing does
    not fit
    the new type. `hidden_definitions` are those of unique indexes for the hidden column, `final_definitions`
    those of all indexes for the new column by its name after contract. `default` is the new
    side's
    default as SQL. `denied` names, for every role that may write the table, the functions that it may not
    call.
    """

    new_type: NewType
    forward: Expression | None
    back: Expression | None
    default: str | None
    definitions: dict[str, str] = field(default_factory=dict)
    hidden_definitions: dict[str, str] = field(default_factory=dict)
    denied: tuple[tuple[str, str], ...] = ()
    final_definitions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A new side for `column`: its names, and for a change of type the type and the expressions as the user
    wrote them.

    `back_column` is the name by which `back` means the new column, where that is not `new`: for a swap, the
    old name. No expression makes the new value where a Python `function` does. `upsert_new` asks for a new
    side that ON CONFLICT can name from ready on.
    """

    column: str
    new: str
    hidden: str
    type: str | None = None
    using: str | None = None
    back: str | None = None
    one_way: bool = False
    back_column: str = ""
    function: str = ""
    upsert_new: bool = False


async def judge(conn: AsyncConnection, snapshot: Snapshot, question: Question) -> Judgement:
    """Ask the server everything about a new side. The caller's transaction is as before afterwards.

    Raises:
        BadExpression: an expression or the type does not parse, has the wrong type, names another column, or
            is more
            than an expression.
        UnsupportedShape: a column of the type cannot be added without a rewrite of the table.
    """
    column = snapshot.column(question.column)
    if column is None:
        raise AssertionError(f"the snapshot of {snapshot.table} was loaded without {question.column}")
    async with trying(conn, snapshot.table.sql):
        await execute(conn, _OWN_PATH)
        await execute(conn, f"CREATE TEMPORARY TABLE ec_clone (LIKE {snapshot.table.sql})")
        if not await _takes_null(conn, column.type):
            raise UnsupportedShape(
                f"{quote(column.name)} is of a domain that takes no NULL: {column.type}.",
                why="The hidden side must be able to be NULL, or a write of new code would fail.",
            )
        new_type = await _new_type(conn, snapshot.table, column, question)
        forward = await _forward(conn, column, question, new_type)
        back = await _back(conn, column, question, new_type)
        default = await _default(conn, column, forward, question)
        hidden = await _hidden_definitions(conn, snapshot, question)
        definitions = await _definitions(conn, snapshot, question, new_type)
        final = await _final_definitions(conn, question, definitions)
    functions = sorted({f for e in (forward, back) if e is not None for f in e.functions})
    denied = await rows(conn, _DENIED, list(snapshot.relation.writers), functions) if functions else ()
    return Judgement(
        new_type,
        forward,
        back,
        default,
        definitions,
        hidden,
        tuple((role, name) for role, name in denied),
        final,
    )


async def _new_type(
    conn: AsyncConnection, table: RelationName, column: Column, question: Question
) -> NewType:
    wanted = column.type if question.type is None else single(question.type, "--type")
    ((before,),) = await rows(conn, _COLUMNS, _CLONE)
    try:
        async with conn.begin_nested():
            filenode = await rows(conn, _FILENODE, _CLONE)
            await execute(conn, f"ALTER TABLE {_CLONE} ADD COLUMN ec_type {wanted}")
            rewritten = filenode != await rows(conn, _FILENODE, _CLONE)
            ((after,),) = await rows(conn, _COLUMNS, _CLONE)
            ((more,),) = await rows(conn, _MORE_THAN_A_TYPE, _CLONE)
            if more or after != before + 1:
                raise BadExpression(f"{wanted!r} is not a type.", why="It says more than the name of a type.")
            (found,) = await _unqualified(conn, _TYPE)
            await execute(conn, f"ALTER TABLE {_CLONE} DROP COLUMN ec_type")
    except DBAPIError as error:
        raise BadExpression(f"{wanted!r} is not a type.", why=_words(error)) from error
    if rewritten:
        raise UnsupportedShape(
            f"Adding a column of type {wanted} rewrites the table under a lock that stops everybody.",
            why="PostgreSQL does so for a domain with constraints.",
            next=await _base_type(conn, wanted, table, question),
        )
    new_type = NewType(*found)
    if not new_type.collatable or new_type.collation is not None or column.collation is None:
        return new_type
    # The old column's collation goes along, and with it whether equal means identical.
    plain = new_type.plain_equality and column.plain_equality
    return replace(new_type, collation=column.collation, plain_equality=plain)


async def _base_type(conn: AsyncConnection, domain: str, table: RelationName, question: Question) -> str:
    """Return what to ask for instead: a rename has no type of its own to be given."""
    query = f"""SELECT coalesce((SELECT pg_catalog.format_type(t.typbasetype, t.typtypmod)
            FROM pg_catalog.pg_type t
            WHERE t.oid {_EQ} $1::text::pg_catalog.regtype AND t.typtype {_EQ} 'd'), $1)"""
    ((base,),) = await rows(conn, query, domain)
    check = "with the domain's rule as a CHECK of the table"
    if question.type is not None:
        return f"--type {shlex.quote(base)}, {check}"
    words = (f"{table.sql}.{quote(question.column)}", "--type", base, "--to", quote(question.new))
    return f"ec plan change-type {shlex.join(words)}, {check}"


async def _unqualified(conn: AsyncConnection, query: str) -> list[tuple[Any, ...]]:
    """Read about the clone with every name qualified by the server."""
    await execute(conn, _NO_PATH)
    found = await rows(conn, query, _CLONE)
    await execute(conn, _OWN_PATH)
    return found


async def _forward(
    conn: AsyncConnection, column: Column, question: Question, new_type: NewType
) -> Expression | None:
    if question.type is None or question.function:
        return None
    return await _expression(conn, column.name, column.type, question.using, new_type.type, "--using")


async def _back(
    conn: AsyncConnection, column: Column, question: Question, new_type: NewType
) -> Expression | None:
    if question.type is None or question.one_way:
        return None
    new = quote(question.new)
    await execute(conn, f"ALTER TABLE {_CLONE} ADD COLUMN {new} {new_type.type}")
    written = await _own_name(conn, question)
    found = await _expression(conn, question.new, new_type.type, written, column.type, "--back")
    await execute(conn, f"ALTER TABLE {_CLONE} DROP COLUMN {new}")
    return found


async def _expression(
    conn: AsyncConnection, column: str, argument: str, written: str | None, result: str, option: str
) -> Expression:
    if written is None:
        text, total = await _plain_cast(conn, column, result)
    else:
        text, total = single(written, option), False
    try:
        async with conn.begin_nested():
            sql, functions = await _canonical(conn, column, f"CAST(({text}) AS {result})", option)
    except DBAPIError as error:
        raise _unusable(written, argument, result, option, error) from error
    volatile = await _volatile(conn, sql)
    if volatile and option == "--back":
        sql = f"CAST(CASE WHEN {quote(column)} IS NOT NULL THEN {sql} END AS {result})"
    generated = f"ADD COLUMN ec_generated {result} GENERATED ALWAYS AS ({sql}) STORED"
    rests = await _rests(conn, functions)
    immutable = await _tries(conn, f"ALTER TABLE {_CLONE} {generated}") and not rests.mutable
    return Expression(
        sql,
        result,
        immutable=immutable,
        total=total,
        null_for_null=volatile or await _null_for_null(conn, column, argument, sql),
        functions=functions,
        volatile=volatile,
        doubtful=rests.mutable,
        pathless=rests.pathless,
        settings=await _settings(conn, (argument, result, sql), rests),
    )


async def _rests(conn: AsyncConnection, functions: Sequence[str]) -> bodies.Rests:
    if not functions:
        return bodies.Rests()
    await execute(conn, _NO_PATH)
    found = await bodies.examine(conn, functions)
    await execute(conn, _OWN_PATH)
    return found


async def _settings(
    conn: AsyncConnection, words: Sequence[str], rests: bodies.Rests
) -> tuple[tuple[str, str], ...]:
    """Return what must be set for the expression to mean the same in every session."""
    settings = expression_settings(words)
    if not rests.pathless:
        return settings
    ((path,),) = await rows(conn, "SELECT pg_catalog.current_setting('search_path')")
    # Without being named it would come first, and everybody may make types and tables there.
    own = str(path) if "pg_temp" in str(path) else ", ".join(filter(None, (str(path), "pg_temp")))
    return (*settings, ("search_path", own))


def _unusable(
    written: str | None, argument: str, result: str, option: str, error: DBAPIError
) -> BadExpression:
    if written is not None:
        return BadExpression(f"{option} {written!r} is not an expression for {result}.", why=_words(error))
    return BadExpression(
        f"{argument} cannot be turned into {result}.",
        why=f"{_words(error)} Give an expression with {option}.",
    )


async def _canonical(
    conn: AsyncConnection, column: str, cast: str, option: str
) -> tuple[str, tuple[str, ...]]:
    """Have the server parse the expression inside a CHECK, and read back what it understood, qualified."""
    await execute(conn, f"ALTER TABLE {_CLONE} ADD CONSTRAINT ec_check CHECK ({cast} IS NOT NULL)")
    ((sql, columns, constraints, functions),) = await _checked(conn)
    await execute(conn, f"ALTER TABLE {_CLONE} DROP CONSTRAINT ec_check")
    if constraints != 1 or not sql.endswith(" IS NOT NULL)"):
        raise BadExpression(f"{option} must be one expression.", why="It says more than that.")
    strangers = [name for name in columns if name != column]
    if strangers:
        raise BadExpression(
            f"{option} names {', '.join(map(quote, strangers))}.",
            why=f"It may use {quote(column)} alone: a write of another column would not be noticed.",
        )
    return sql.removeprefix("(").removesuffix(" IS NOT NULL)"), tuple(functions)


async def _checked(conn: AsyncConnection) -> list[tuple[str, list[str], int, list[str]]]:
    return [
        (sql, columns, count, functions)
        for sql, columns, count, functions in await _unqualified(conn, _CHECK)
    ]


async def _tries(conn: AsyncConnection, statement: str) -> bool:
    """Whether the statement goes through; it is rolled back in any case."""
    savepoint = await conn.begin_nested()
    try:
        await execute(conn, statement)
    except DBAPIError:
        return False
    else:
        return True
    finally:
        await savepoint.rollback()


async def _takes_null(conn: AsyncConnection, type_: str) -> bool:
    try:
        async with _evaluating(conn):
            await execute(conn, f"SELECT NULL::{type_}")
    except DBAPIError:
        return False
    return True


async def _plain_cast(conn: AsyncConnection, column: str, result: str) -> tuple[str, bool]:
    """Return SQL that a cast turns into `result`, and whether that cannot fail. Where nothing is known, no.

    An integer that is too large for a smaller type becomes NULL, without the cost of catching an error.
    """
    text = quote(column)
    ((source, target, kind),) = await rows(conn, _CAST, _CLONE, column, result)
    if kind == "d" or (target == "numeric" and "(" in result):
        return text, False  # a domain's CHECK, or a precision that may be exceeded
    if target in {"text", "varchar"}:
        return text, True  # an explicit cast to varchar(n) cuts; whether the value fits is asked apart
    if _INTEGER_BYTES.get(source, 0) > _INTEGER_BYTES.get(target, 8):
        limit = 2 ** (8 * _INTEGER_BYTES[target] - 1)
        return f"CASE WHEN {text} BETWEEN {-limit} AND {limit - 1} THEN {text} END", True
    return text, source == target or target in _WIDENING.get(source, ())


async def _volatile(conn: AsyncConnection, sql: str) -> bool:
    """Whether the expression calls anything volatile, by the planner's judgement: it evaluates nothing of it.

    A subquery is flattened unless its targets are volatile (manual of the planner: is_simple_subquery).
    """
    inner = f"SELECT ({sql}) AS v FROM {_CLONE}"
    plan = await rows(conn, f"EXPLAIN (COSTS OFF) SELECT v IS NULL, v IS NOT NULL FROM ({inner}) AS ec_row")
    return any("Subquery Scan" in str(line) for (line,) in plan)


@asynccontextmanager
async def _evaluating(conn: AsyncConnection) -> AsyncIterator[None]:
    """What the body evaluates writes nothing: no row, and no sequence, which no rollback would set back."""
    savepoint = await conn.begin_nested()
    try:
        await execute(conn, "SET LOCAL transaction_read_only = on")
        yield
    finally:
        await savepoint.rollback()


async def _null_for_null(conn: AsyncConnection, column: str, argument: str, sql: str) -> bool:
    try:
        async with _evaluating(conn):
            query = f"SELECT ({sql}) IS NULL FROM (SELECT NULL::{argument} AS {quote(column)}) AS ec_row"
            return bool(await value(conn, query))
    except DBAPIError:
        return True  # an error becomes NULL


async def _own_name(conn: AsyncConnection, question: Question) -> str | None:
    """`--back` of a swap names the column as new code will: by the old name. Read it over a column of the new
    type.
    """
    if question.back is None or question.back_column in {"", question.new}:
        return question.back
    text = single(question.back, "--back")
    old, new = quote(question.back_column), quote(question.new)
    savepoint = await conn.begin_nested()
    try:
        for statement in (
            f"RENAME COLUMN {old} TO ec_old",
            f"RENAME COLUMN {new} TO {old}",
            f"ADD CONSTRAINT ec_check CHECK (({text}) IS NOT NULL)",
            f"RENAME COLUMN {old} TO {new}",
        ):
            await execute(conn, f"ALTER TABLE {_CLONE} {statement}")
        ((sql, *_),) = await _checked(conn)
    except DBAPIError as error:
        raise BadExpression(f"--back {question.back!r} is not an expression.", why=_words(error)) from error
    finally:
        await savepoint.rollback()
    return sql.removeprefix("(").removesuffix(" IS NOT NULL)")


async def _default(
    conn: AsyncConnection, column: Column, forward: Expression | None, question: Question
) -> str | None:
    if column.default is None or column.default_kind in ("opaque", "volatile") or question.function:
        return None
    if forward is None:
        return column.default
    if column.default_kind == "stable" and question.using is None:
        return f"CAST(({column.default}) AS {forward.type})"
    if forward.volatile:
        return None
    carry = _through_forward if column.default_kind == "stable" else _converted
    return await carry(conn, column, column.default, forward)


async def _converted(conn: AsyncConnection, column: Column, default: str, forward: Expression) -> str | None:
    """Return what forward makes of a constant default, or None where the new type cannot hold it."""
    try:
        async with _evaluating(conn):
            row = f"SELECT ({default})::{column.type} AS {quote(column.name)}"
            query = f"""SELECT {quote(column.name)} IS NULL, pg_catalog.quote_nullable(({forward.sql})::text)
                FROM ({row}) AS ec_row"""
            ((empty, value),) = await rows(conn, query)
    except DBAPIError:
        return None
    return None if value == "NULL" and not empty else f"{value}::{forward.type}"


async def _through_forward(
    conn: AsyncConnection, column: Column, default: str, forward: Expression
) -> str | None:
    """Put the default in the column's place inside of the expression, or return None where it does not fit.

    A DEFAULT takes no subquery. The server writes the column by a name that nothing else has, so that the
    text can be replaced; whether the result is a default for the type, it says itself. Nothing is evaluated.
    """
    savepoint = await conn.begin_nested()
    try:
        for statement in (
            f"ADD CONSTRAINT ec_check CHECK (({forward.sql}) IS NOT NULL)",
            f"RENAME COLUMN {quote(column.name)} TO {_PLACE}",
        ):
            await execute(conn, f"ALTER TABLE {_CLONE} {statement}")
        ((sql, *_),) = await _checked(conn)
        inner = sql.removeprefix("(").removesuffix(" IS NOT NULL)")
        made = inner.replace(_PLACE, f"CAST(({default}) AS {column.type})")
        add = (
            f"ALTER TABLE {_CLONE} ADD COLUMN ec_made {forward.type}, ALTER COLUMN ec_made SET DEFAULT {made}"
        )
        await execute(conn, add)
    except DBAPIError:
        return None
    else:
        return made
    finally:
        await savepoint.rollback()


async def _hidden_definitions(
    conn: AsyncConnection, snapshot: Snapshot, question: Question
) -> dict[str, str]:
    unique = [index for index in snapshot.indexes if index.unique and question.column in index.columns]
    savepoint = await conn.begin_nested()
    try:
        return await _renamed(conn, unique, (), question.column, question.hidden)
    finally:
        await savepoint.rollback()


async def _definitions(
    conn: AsyncConnection, snapshot: Snapshot, question: Question, new_type: NewType
) -> dict[str, str]:
    column = question.column
    if question.type is not None:
        to = new_type.type
        await execute(conn, f"ALTER TABLE {_CLONE} ALTER COLUMN {quote(column)} TYPE {to} USING NULL::{to}")
    indexes = [index for index in snapshot.indexes if column in index.columns and not index.primary]
    checks = [
        (check.name, check.definition.removesuffix(" NOT VALID"))
        for check in snapshot.constraints
        if check.kind == "c" and column in check.columns
    ]
    return await _renamed(conn, indexes, checks, column, question.new)


async def _final_definitions(
    conn: AsyncConnection, question: Question, definitions: dict[str, str]
) -> dict[str, str]:
    """Read the definitions once more, where contract gives the new column another name."""
    if question.back_column in {"", question.new}:
        return definitions
    names = quote(question.new), quote(question.back_column)
    await execute(conn, f"ALTER TABLE {_CLONE} RENAME COLUMN {names[0]} TO {names[1]}")
    return await _read_definitions(conn)


async def _renamed(
    conn: AsyncConnection, indexes: Sequence[Index], checks: Sequence[tuple[str, str]], column: str, to: str
) -> dict[str, str]:
    """Put indexes and checks on the clone, rename the column, and read how the server writes them now."""
    for index in indexes:
        unique = "UNIQUE " if index.unique else ""
        await _attempt(conn, f"CREATE {unique}INDEX {quote(index.name)} ON {_CLONE} USING {index.definition}")
    for name, definition in checks:
        await _attempt(conn, f"ALTER TABLE {_CLONE} ADD CONSTRAINT {quote(name)} {definition}")
    await execute(conn, f"ALTER TABLE {_CLONE} RENAME COLUMN {quote(column)} TO {quote(to)}")
    return await _read_definitions(conn)


async def _read_definitions(conn: AsyncConnection) -> dict[str, str]:
    found = await _unqualified(conn, _DEFINITIONS)
    return dict(sorted((str(name), str(definition)) for name, definition in found))


async def _attempt(conn: AsyncConnection, statement: str) -> None:
    """Run a statement whose failure only means that the thing does not fit."""
    try:
        async with conn.begin_nested():
            await execute(conn, statement)
    except DBAPIError:
        return


def _words(error: DBAPIError) -> str:
    return f"{server_message(error)[0]} (SQLSTATE {sqlstate(error)})."
