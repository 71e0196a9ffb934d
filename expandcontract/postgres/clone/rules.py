"""Rules that only the new side gets, asked of the clone: what PostgreSQL makes of each, not what we guess."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import BadExpression
from expandcontract.model.names import RelationName, quote
from expandcontract.postgres.catalog import default as defaults
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import reference
from expandcontract.postgres.clone.judgement import (
    CheckJudged,
    DefaultJudged,
    Expression,
    FurtherJudged,
    KeyAsked,
    KeyJudged,
    NewType,
    Question,
    RulesAsked,
    RulesJudged,
)
from expandcontract.postgres.clone.table import CLONE, checked, evaluating, text
from expandcontract.postgres.expression import single
from expandcontract.postgres.query import execute, rows
from expandcontract.postgres.settings import NO_PATH, own_path
from expandcontract.postgres.sqlstate import in_words, is_disconnect, is_lock_failure

#: By what the values of a unique index are equal: strategy 3 of its operator class.
_EQUAL = """
SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[0]
JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3
    AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE i.indexrelid = 'pg_temp.ec_unique'::pg_catalog.regclass
"""
_ROW_SECURITY = """
SELECT c.relrowsecurity FROM pg_temp.ec_found f JOIN pg_catalog.pg_class c ON c.oid = f.found
"""
_DEFAULT = f"""
SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
WHERE d.adrelid = '{CLONE}'::pg_catalog.regclass
"""


async def rules_of(
    conn: AsyncConnection,
    snapshot: Snapshot,
    question: Question,
    new_type: NewType,
    more: Sequence[FurtherJudged],
    forward: Expression | None,
) -> RulesJudged:
    """Return what the server made of the rules that were asked for. The clone is as before afterwards.

    Raises BadExpression for what it does not take, and for a CHECK that names none of the new side's columns,
    or one of the old side's.
    """
    asked = question.rules
    if asked == RulesAsked():
        return RulesJudged()
    types = {question.new: new_type} | {each.new: each.new_type for each in more}
    known = {each.name: each.type for each in snapshot.columns} | {n: t.type for n, t in types.items()}
    savepoint = await conn.begin_nested()
    try:
        for name, type_ in types.items():
            collate = "" if type_.collation is None else f" COLLATE {type_.collation}"
            await execute(conn, f"ALTER TABLE {CLONE} ADD COLUMN {quote(name)} {type_.type}{collate}")
        return RulesJudged(
            checks=tuple([await _check(conn, question, *each, known) for each in asked.checks]),
            equal={name: await _equal(conn, name) for name in asked.unique},
            keys=tuple([await _key(conn, each) for each in asked.keys]),
            defaults=tuple([await _default(conn, *each, types) for each in asked.defaults]),
            nothing=await _of_nothing(conn, snapshot, question, forward) if asked.not_null else None,
        )
    finally:
        await savepoint.rollback()


async def _check(
    conn: AsyncConnection, question: Question, name: str, written: str, known: dict[str, str]
) -> CheckJudged:
    add = f"ALTER TABLE {CLONE} ADD CONSTRAINT ec_check CHECK ({single(written, '--check')}) NOT VALID"
    async with _taken(conn, add, f"--check {written!r}"):
        ((expression, columns, _, _),) = await checked(conn)
    if set(columns).isdisjoint(question.news):
        names = " and ".join(map(quote, question.news))
        raise BadExpression(
            f"--check {written!r} does not name {names}.",
            why="It is a rule of the new side.",
            next="For a rule of other columns: ec start add-check",
        )
    for old in question.columns:
        if old in columns:
            raise BadExpression(
                f"--check {written!r} names {quote(old)}, which goes at contract.",
                why="From then on the new side must keep it by itself.",
            )
    return CheckJudged(name, expression, tuple(columns), tuple(known[each] for each in columns))


async def _equal(conn: AsyncConnection, name: str) -> str:
    build = f"CREATE UNIQUE INDEX ec_unique ON {CLONE} ({quote(name)})"
    async with _taken(conn, build, f"UNIQUE of {quote(name)}"):
        return str((await _read(conn, _EQUAL))[0][0])


async def _key(conn: AsyncConnection, asked: KeyAsked) -> KeyJudged:
    making = reference.statements((asked.column,), asked.references, asked.actions)
    async with _taken(conn, making, f"REFERENCES {asked.references}"):
        ((schema, table, kind, key, after),) = await _read(conn, reference.QUERY)
        ((row_security,),) = await _read(conn, _ROW_SECURITY)
    (other,), (equal,) = reference.compared(key)
    bare = after.removesuffix(" NOT VALID")
    return KeyJudged(
        asked.column, RelationName(schema, table), other, equal, bare, text(kind) == "p", row_security
    )


async def _default(
    conn: AsyncConnection, name: str, written: str, types: dict[str, NewType]
) -> DefaultJudged:
    given = single(written, "--default")
    alter = f"ALTER TABLE {CLONE} ALTER COLUMN {quote(name)} SET DEFAULT ({given})"
    async with _taken(conn, alter, f"--default {written!r} for {quote(name)} {types[name].type}"):
        found = await _read(conn, _DEFAULT)
    expression = None if not found or defaults.is_nothing(found[0][0]) else str(found[0][0])
    kind = "constant"
    if expression is not None:
        kind = await defaults.judge(conn, types[name].type, expression)
    return DefaultJudged(name, expression, kind)


async def _of_nothing(
    conn: AsyncConnection, snapshot: Snapshot, question: Question, forward: Expression | None
) -> str | None:
    """Return what forward makes of a row of which nobody gave the old side anything: of its defaults, or of
    NULL. Only where that is the same for ever: it tells an INSERT of NULL from one that left the column out.
    """
    olds = [each for each in snapshot.columns if each.name in question.columns]
    if forward is None or forward.volatile or not forward.immutable or question.more:
        return None
    if any(each.default is not None and each.default_kind != "constant" for each in olds):
        return None
    given = ", ".join(_nothing_of(each) for each in olds)
    query = f"SELECT pg_catalog.quote_nullable(({forward.sql})::text) FROM (SELECT {given}) AS ec_row"
    try:
        async with evaluating(conn):
            ((value,),) = await rows(conn, query)
    except DBAPIError:
        return None
    return None if value == "NULL" else f"{value}::{forward.type}"


def _nothing_of(column: Column) -> str:
    return f"({column.default or 'NULL'})::{column.type} AS {quote(column.name)}"


async def _read(conn: AsyncConnection, query: str) -> list[tuple[Any, ...]]:
    """Read what the server made, with every name qualified."""
    await execute(conn, NO_PATH)
    found = await rows(conn, query)
    await execute(conn, own_path())
    return [tuple(row) for row in found]


@asynccontextmanager
async def _taken(conn: AsyncConnection, making: str | Sequence[str], what: str) -> AsyncIterator[None]:
    """What was made stands while the body looks at it. Raises BadExpression where the server refuses it."""
    savepoint = await conn.begin_nested()
    try:
        try:
            for statement in (making,) if isinstance(making, str) else making:
                await execute(conn, statement)
        except DBAPIError as error:
            if is_disconnect(error) or is_lock_failure(error):
                raise
            raise BadExpression(
                f"PostgreSQL does not take {what}.", why=in_words(error), state="Nothing was changed."
            ) from error
        yield
    finally:
        await savepoint.rollback()
