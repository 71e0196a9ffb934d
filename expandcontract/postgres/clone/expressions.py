"""What the expressions mean that lead from one side to the other, and what they may do."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression
from expandcontract.model.names import literal, quote
from expandcontract.postgres import bodies
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.clone.judgement import (
    Expression,
    FurtherAsked,
    FurtherJudged,
    NewType,
    Question,
)
from expandcontract.postgres.clone.table import (
    CLONE,
    EQ,
    answered,
    asked,
    checked,
    evaluating,
    tries,
)
from expandcontract.postgres.expression import expression_settings, of_money, single
from expandcontract.postgres.message import has_parameters
from expandcontract.postgres.query import execute, rows, value
from expandcontract.postgres.settings import NO_PATH, own_path
from expandcontract.postgres.sqlstate import in_words, sqlstate

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


#: feature_not_supported: what a CHECK cannot have, such as a query.
_NO_QUERY = "0A000"
_INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}


_CAST = f"""
SELECT y.typname::text, r.typname::text, r.typtype::text
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid {EQ} a.atttypid, pg_catalog.pg_type r
WHERE a.attrelid {EQ} $1::text::pg_catalog.regclass AND a.attname {EQ} $2::text
  AND r.oid {EQ} $3::text::pg_catalog.regtype
"""


async def forward_of(
    conn: AsyncConnection,
    olds: Sequence[Column],
    question: Question,
    new_type: NewType,
    others: Collection[str] = (),
) -> Expression | None:
    """Return what leads to the new side; None where that is the raw value, or made outside of the server.
    `others` are the columns of the row that it may read as well.
    """
    if question.type is None or question.function:
        return None
    option = "--into" if question.old_more else "--using"
    inputs = {column.name: column.type for column in olds}
    whole = bool(question.old_more)
    return await _expression(conn, inputs, question.using, new_type.type, option, others, whole=whole)


async def further_of(
    conn: AsyncConnection, column: Column, asked_: FurtherAsked, type_: str, others: Collection[str]
) -> Expression:
    """Return what leads to one more column of the new side, of that type."""
    return await _expression(conn, {column.name: column.type}, asked_.using, type_, "--into", others)


async def back_of(
    conn: AsyncConnection,
    olds: Sequence[Column],
    question: Question,
    new_type: NewType,
    more: Sequence[FurtherJudged] = (),
    others: Collection[str] = (),
) -> tuple[Expression, ...]:
    """Return what leads back to each column of the old side; nothing where that is the raw value, or nothing
    leads back.
    """
    if question.type is None or question.one_way:
        return ()
    news = {question.new: new_type.type} | {each.new: each.new_type.type for each in more}
    for new, type_ in news.items():
        await execute(conn, f"ALTER TABLE {CLONE} ADD COLUMN {quote(new)} {type_}")
    written = (await _own_name(conn, question), *(each.back for each in question.old_more))
    found = [
        await _expression(conn, news, text, column.type, "--back", others)
        for column, text in zip(olds, written, strict=True)
    ]
    for new in news:
        await execute(conn, f"ALTER TABLE {CLONE} DROP COLUMN {quote(new)}")
    return tuple(found)


async def swallowed_by(
    conn: AsyncConnection, olds: Sequence[Column], forward: Expression, columns: Sequence[Column]
) -> tuple[str, ...]:
    """Return which of several old columns, where it alone is NULL, makes the new side NULL: a value of the
    others would be lost. What is volatile is not evaluated, and a type without a value that comes to mind not
    asked about.
    """
    if forward.volatile:
        return ()
    named = [*olds, *(each for each in columns if each.name in forward.reads)]
    values = {column.name: await _some_value(conn, column.type) for column in named}
    found = []
    for column in olds:
        others = [each for each in named if each is not column]
        if column.not_null or any(values[each.name] is None for each in others):
            continue
        row = [f"NULL::{column.type} AS {quote(column.name)}"]
        row += [f"{values[each.name]} AS {quote(each.name)}" for each in others]
        query = f"SELECT ({forward.sql}) IS NULL FROM (SELECT {', '.join(row)}) AS ec_row"
        if await _yields(conn, query):
            found.append(column.name)
    return tuple(found)


async def null_returns(
    conn: AsyncConnection,
    olds: Sequence[Column],
    forward: Expression | None,
    backs: Sequence[Expression],
    new_type: NewType,
    new: str,
) -> bool:
    """Whether NULL of the new side leads back to a value of the old one of which forward makes NULL again.
    Of what may make another value each time, or reads more of the row, nobody can tell.
    """
    if forward is None or len(olds) > 1 or len(backs) != 1:
        return False
    (column,), (back,) = olds, backs
    if forward.volatile or back.volatile or forward.reads or back.reads:
        return False
    old = quote(column.name)
    nothing = f"SELECT NULL::{new_type.type} AS {quote(new)}"
    made = f"SELECT {back.sql} AS {old} FROM ({nothing}) AS ec_new"
    return await _yields(
        conn, f"SELECT {old} IS NOT NULL AND ({forward.sql}) IS NULL FROM ({made}) AS ec_row"
    )


async def _some_value(conn: AsyncConnection, type_: str) -> str | None:
    for text in ("x", "1", "2000-01-01", "true", "{}"):
        value_ = f"CAST('{text}' AS {type_})"
        if await _yields(conn, f"SELECT {value_} IS NOT NULL"):
            return value_
    return None


async def _yields(conn: AsyncConnection, query: str) -> bool:
    """Whether a query says so; an error says nothing."""
    try:
        async with evaluating(conn):
            return bool(await value(conn, query))
    except DBAPIError:
        return False


async def _expression(  # noqa: PLR0913 - what was written, and where
    conn: AsyncConnection,
    inputs: Mapping[str, str],
    written: str | None,
    result: str,
    option: str,
    others: Collection[str] = (),
    *,
    whole: bool = False,
) -> Expression:
    if written is None:
        (column,) = inputs
        text, total = await _plain_cast(conn, column, result)
    else:
        text, total = single(written, option), False
    try:
        async with conn.begin_nested():
            cast = f"CAST(({text}) AS {result})"
            sql, functions, reads = await _canonical(conn, inputs, cast, option, others, whole=whole)
    except DBAPIError as error:
        raise _unusable(written, inputs, result, option, error) from error
    volatile = await _volatile(conn, sql)
    if (volatile or reads) and option == "--back":
        given = " OR ".join(f"{quote(column)} IS NOT NULL" for column in inputs)
        sql = f"CAST(CASE WHEN {given} THEN {sql} END AS {result})"
    generated = f"ADD COLUMN ec_generated {result} GENERATED ALWAYS AS ({sql}) STORED"
    rests = await _rests(conn, functions)
    immutable = await tries(conn, f"ALTER TABLE {CLONE} {generated}") and not rests.mutable
    return Expression(
        sql,
        result,
        immutable=immutable,
        total=total,
        null_for_null=volatile or (option == "--back" if reads else await _null_for_null(conn, inputs, sql)),
        functions=functions,
        volatile=volatile,
        doubtful=rests.mutable,
        pathless=rests.pathless,
        settings=await _settings(conn, (*inputs.values(), result, sql), rests),
        reads=reads,
    )


async def _rests(conn: AsyncConnection, functions: Sequence[str]) -> bodies.Rests:
    if not functions:
        return bodies.Rests()
    await execute(conn, NO_PATH)
    found = await bodies.examine(conn, functions)
    await execute(conn, own_path())
    return found


async def _settings(
    conn: AsyncConnection, words: Sequence[str], rests: bodies.Rests
) -> tuple[tuple[str, str], ...]:
    """Return what must be set for the expression to mean the same in every session."""
    settings = expression_settings(words)
    if of_money(words):
        # As whoever makes the plan has it: as a rule what the database gives every session.
        ((monetary,),) = await rows(conn, "SELECT pg_catalog.current_setting('lc_monetary')")
        settings = (*settings, ("lc_monetary", literal(str(monetary))))
    if not rests.pathless:
        return settings
    ((path,),) = await rows(conn, "SELECT pg_catalog.current_setting('search_path')")
    # Without being named it would come first, and everybody may make types and tables there.
    own = str(path) if "pg_temp" in str(path) else ", ".join(filter(None, (str(path), "pg_temp")))
    return (*settings, ("search_path", own))


def _unusable(
    written: str | None, inputs: Mapping[str, str], result: str, option: str, error: DBAPIError
) -> BadExpression:
    if written is not None:
        call = f"{option} 'function({', '.join(map(quote, inputs))})'"
        return BadExpression(
            f"{option} {written!r} is not an expression for {result}.",
            why=in_words(error),
            next=f"a STABLE function of yours may query: {call}" if sqlstate(error) == _NO_QUERY else "",
        )
    return BadExpression(
        f"{', '.join(inputs.values())} cannot be turned into {result}.",
        why=f"{in_words(error)} Give an expression with {option}.",
    )


async def _canonical(
    conn: AsyncConnection,
    inputs: Collection[str],
    cast: str,
    option: str,
    others: Collection[str],
    *,
    whole: bool,
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Have the server parse the expression inside a CHECK, and read back what it understood, qualified.

    First where nothing can be written: the parser turns constants into their types, which may call a domain's
    CHECK, and the planner calls what is declared immutable for arguments that are constants.
    """
    if has_parameters(cast):
        raise BadExpression(f"{option} must be one expression.", why="Nothing gives a parameter its value.")
    async with evaluating(conn):
        await execute(conn, f"EXPLAIN (COSTS OFF) SELECT {cast} FROM {CLONE}")
    await execute(conn, f"ALTER TABLE {CLONE} {asked(cast)}")
    ((sql, columns, constraints, functions),) = await checked(conn)
    await execute(conn, f"ALTER TABLE {CLONE} DROP CONSTRAINT ec_check")
    if constraints != 1 or not sql.endswith(" IS NOT NULL)"):
        raise BadExpression(f"{option} must be one expression.", why="It says more than that.")
    strangers = [name for name in columns if name not in inputs and name not in others]
    if strangers:
        raise BadExpression(
            f"{option} names {', '.join(map(quote, strangers))}.",
            why=f"It may use {' and '.join(map(quote, inputs))}, and columns of neither side that are not "
            "generated.",
        )
    silent = [name for name in inputs if name not in columns]
    if columns and len(silent) == len(inputs):
        raise BadExpression(
            f"{option} names {', '.join(map(quote, columns))}, and not {' or '.join(map(quote, inputs))}.",
            why="What it makes would tell nothing of the other side.",
        )
    if whole and silent:
        raise BadExpression(
            f"{option} does not name {', '.join(map(quote, silent))}.",
            why="Its values would be in no column once the change is over; drop-column is for such a column.",
        )
    return answered(sql), tuple(functions), tuple(name for name in columns if name not in inputs)


async def _plain_cast(conn: AsyncConnection, column: str, result: str) -> tuple[str, bool]:
    """Return SQL that a cast turns into `result`, and whether that cannot fail. Where nothing is known, no.

    An integer that is too large for a smaller type becomes NULL, without the cost of catching an error.
    """
    text = quote(column)
    ((source, target, kind),) = await rows(conn, _CAST, CLONE, column, result)
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
    inner = f"SELECT ({sql}) AS v FROM {CLONE}"
    plan = await rows(conn, f"EXPLAIN (COSTS OFF) SELECT v IS NULL, v IS NOT NULL FROM ({inner}) AS ec_row")
    return any("Subquery Scan" in str(line) for (line,) in plan)


async def _null_for_null(conn: AsyncConnection, inputs: Mapping[str, str], sql: str) -> bool:
    try:
        async with evaluating(conn):
            nulls = ", ".join(f"NULL::{type_} AS {quote(column)}" for column, type_ in inputs.items())
            query = f"SELECT ({sql}) IS NULL FROM (SELECT {nulls}) AS ec_row"
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
            asked(text),
            f"RENAME COLUMN {old} TO {new}",
        ):
            await execute(conn, f"ALTER TABLE {CLONE} {statement}")
        ((sql, *_),) = await checked(conn)
    except DBAPIError as error:
        raise BadExpression(f"--back {question.back!r} is not an expression.", why=in_words(error)) from error
    finally:
        await savepoint.rollback()
    return answered(sql)
